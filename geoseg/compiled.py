"""Compile loops over pixels and vertices with numba."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(kernel: Kernel) -> Kernel:
    """Compile a function that releases the GIL, cached on disk.

    If neither the package's folder nor the user's cache is writable, each process compiles it again.
    """
    try:
        return cast("Kernel", njit(nogil=True, cache=True)(kernel))
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        return cast("Kernel", njit(nogil=True)(kernel))
