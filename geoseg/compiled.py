"""Compile loops over pixels and vertices with Numba: at their first call, or ahead of it in processes of their own.

Numba's cache keeps what is compiled, so that this happens once on a machine and for a version.
"""

import contextlib
import gc
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from inspect import getfile, iscode
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Generic, ParamSpec, TypeVar, cast

from .home import expanded, has_home

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
    if _has_user_cache():
        return True
    beside = Path(getfile(function)).with_name("__pycache__")
    folder = beside if beside.exists() else beside.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def _has_user_cache() -> bool:
    return has_home() or any(map(os.environ.get, ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")))


def compile_ahead(package: str, groups: Sequence[Sequence[str]]) -> "Compilation":
    """Start to compile what `compiled_as` decorates in modules of a package, one process for each group of modules.

    Nothing is started if this was done before on this machine, if nothing can be cached, or without a Python
    interpreter to start; functions that are not in Numba's cache are then compiled when they are called.
    """
    marker = _marker(package)
    if marker is None or marker.exists():
        return Compilation(None, ())
    children: list[subprocess.Popen[bytes]] = []
    with contextlib.suppress(OSError):  # no memory for a process, for instance
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        for modules in groups:
            command = [sys.executable, "-P", "-m", __name__, *(f"{package}.{module}" for module in modules)]
            children.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": path},
                    start_new_session=True,  # Ctrl-C closes their input instead, so that none stops halfway in a file
                )
            )
    return Compilation(marker if len(children) == len(groups) else None, children)


class Compilation:
    """Processes that compile; they stop, at the latest, with the process that started them."""

    def __init__(self, marker: Path | None, children: Sequence["subprocess.Popen[bytes]"]) -> None:
        self._marker = marker
        self._children = children

    @property
    def needed(self) -> bool:
        """Whether something is being compiled."""
        return bool(self._children)

    def wait(self) -> None:
        """Wait until all is compiled. What a process could not compile is compiled when it is called."""
        done = [child.wait() == 0 for child in self._children]
        if self._marker is not None and done and all(done):
            with contextlib.suppress(OSError):
                self._marker.touch()
        self.close()

    def close(self) -> None:
        """Stop compiling; the function at hand is finished first."""
        for child in self._children:
            assert child.stdin is not None
            child.stdin.close()
        for child in self._children:
            child.wait()
        self._children = ()

    def __enter__(self) -> "Compilation":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def cache_folders(package: str) -> list[Path]:
    """Return where Numba keeps what is compiled of a package: the first of these folders that can be written."""
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(given)]
    beside = _root(package) / "__pycache__"
    if not _has_user_cache():
        return [beside]
    return [beside, expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "numba"]


def _marker(package: str) -> Path | None:
    """Return a file that exists once a package was compiled for this machine; None if it cannot be."""
    # An application that embeds Python may name itself as `sys.executable`.
    if getattr(sys, "frozen", False) or not Path(sys.executable or "").name.startswith("python"):
        return None
    for folder in cache_folders(package):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder / f"{package}-{_key(_root(package))}.compiled"
    return None


def _root(package: str) -> Path:
    """Return the folder of a package of geoseg."""
    return Path(__file__).parent.joinpath(*package.split(".")[1:])


def _key(root: Path) -> str:
    """Return a digest of all that compiled code depends on: sources, Python, Numba, its settings, and the processor."""
    digest = hashlib.sha256(sys.version.encode())
    for source in (Path(__file__), *sorted(root.rglob("*.py"))):
        digest.update(source.read_bytes())
    for library in ("numba", "llvmlite"):
        spec = find_spec(library)
        if spec is not None and spec.origin is not None:
            digest.update(Path(spec.origin).with_name("_version.py").read_bytes())
    settings = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    digest.update(repr(settings).encode())
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open("rb") as cores:
        for line in cores.read(4096).split(b"\n\n")[0].splitlines():
            if line.startswith((b"model", b"flags", b"Features")):
                digest.update(line)
    return digest.hexdigest()[:16]


def _compile(modules: Sequence[str]) -> int:
    """Compile the functions of modules until standard input is closed; return 0 if all are in Numba's cache."""
    os.nice(10)
    gc.disable()  # a short life without cycles to speak of
    closed = Event()

    def watch() -> None:
        os.read(0, 1)
        closed.set()

    Thread(target=watch, daemon=True).start()
    for module in modules:
        for value in vars(import_module(module)).values():
            if not isinstance(value, Kernel) or value.function.__module__ != module:
                continue
            if closed.is_set() or not value.compile():
                return 1
    return 0


if __name__ == "__main__":
    from geoseg.compiled import _compile as compile_modules  # this file is `__main__` here, and its classes are others

    raise SystemExit(compile_modules(sys.argv[1:]))
