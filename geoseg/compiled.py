"""Compile loops over pixels and vertices with Numba."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(kernel: Kernel) -> Kernel:
    """Compile a function that releases the GIL, cached on disk if the package or the user's cache is writable."""
    try:
        return cast("Kernel", njit(nogil=True, cache=True)(kernel))
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        return cast("Kernel", njit(nogil=True)(kernel))
