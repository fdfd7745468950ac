"""Compile loops over pixels and vertices with Numba, at their first call.

Numba's cache keeps what is compiled, so that this happens once on a machine and for a version.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cached_property
from inspect import getfile, iscode
from pathlib import Path
from threading import Lock
from typing import Any, Generic, ParamSpec, TypeVar, cast

from .home import has_home

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Loop = TypeVar("Loop", bound=Callable[..., object])

_LOCK = Lock()
_NO_C: dict[str, Any] = {"no_cfunc_wrapper": True}
"""Flag of Numba for functions that nothing calls from C; it spares a tenth of the code."""


def compiled(loop: Loop) -> Loop:
    """Compile a function that releases the GIL, cached on disk if the package or the user's cache is writable."""
    return cast("Loop", _cached(loop))


def compiled_as(types: str) -> Callable[[Callable[Arguments, Result]], "Kernel[Arguments, Result]"]:
    """Return a decorator like `compiled` for a function that is called with arguments of these types only.

    Numba writes types like `(uint8[:,::1], int64)`; it is not imported before the first call.
    """
    return lambda function: Kernel(function, types)


def compiled_within(loop: Loop) -> Loop:
    """Compile a function that only others decorated with `compiled_as` call; it becomes part of them."""
    return cast("Loop", _Part(loop))


class Kernel(Generic[Arguments, Result]):
    """A function that is compiled at its first call."""

    def __init__(self, function: Callable[Arguments, Result], types: str) -> None:
        self.function = function
        self.types = types

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Call the compiled function."""
        return cast("Result", self.dispatcher(*args, **kwargs))

    def compile(self) -> bool:
        """Compile it, or load it from Numba's cache; return whether it is kept there."""
        from numba.core.sigutils import normalize_signature

        # In the cache, a text would be another key than the types of a call.
        types, _ = cast("Any", normalize_signature)(self.types)
        self.dispatcher.compile(types)
        return self.dispatcher.stats.cache_path is not None

    @property
    def dispatcher(self) -> Any:  # noqa: ANN401 - Numba is not typed
        """Numba's dispatcher, which keeps the compiled code."""
        with _LOCK:
            return self._dispatcher

    @cached_property
    def _dispatcher(self) -> Any:  # noqa: ANN401
        return _cached(self.function, **_NO_C)


class _Part:
    """A function that Numba finds in the global names of those that call it."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function

    def __call__(self, *args: object) -> object:
        return self.function(*args)

    @cached_property
    def _dispatcher(self) -> Any:  # noqa: ANN401
        from numba import njit

        flags: dict[str, Any] = {**_NO_C, "no_cpython_wrapper": True}
        return njit(nogil=True, **flags)(self.function)

    @property
    def _numba_type_(self) -> Any:  # noqa: ANN401
        return self._dispatcher._numba_type_


def _cached(function: Callable[..., object], **flags: Any) -> Any:  # noqa: ANN401
    from numba import njit

    # Numba's files are named by this. It would notice a change of the function's own module only.
    function.__qualname__ += f"-{_digest_parts(function)}"
    try:
        return njit(nogil=True, cache=_has_cache(function), **flags)(function)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        return njit(nogil=True, **flags)(function)


def _digest_parts(function: Any) -> str:  # noqa: ANN401 - of any arguments
    """Return a digest of a function with all that becomes part of it: functions that it calls, and global constants."""
    digest = hashlib.sha256()
    waiting, seen = [function], set()
    while waiting:
        part = waiting.pop()
        seen.add(part)
        code = part.__code__
        digest.update(code.co_code + repr([each for each in code.co_consts if not iscode(each)]).encode())
        for name in code.co_names:
            value = part.__globals__.get(name)
            called = value.function if isinstance(value, _Part) else getattr(value, "py_func", None)
            if called is not None and called not in seen:
                waiting.append(called)
            elif isinstance(value, int | float | str | tuple):
                digest.update(f"{name}={value!r};".encode())
            elif hasattr(value, "tobytes"):
                digest.update(name.encode() + value.tobytes())
    return digest.hexdigest()[:8]


def _has_cache(function: Callable[..., object]) -> bool:
    """Whether Numba may look for a cache: for a user without one, it would create a folder named `~` in the current."""
    if has_user_cache():
        return True
    beside = Path(getfile(function)).with_name("__pycache__")
    folder = beside if beside.exists() else beside.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def has_user_cache() -> bool:
    """Whether the user has a folder where Numba may keep what is compiled."""
    return has_home() or any(map(os.environ.get, ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")))
