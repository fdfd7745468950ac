"""Loops over pixels and vertices, compiled."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(kernel: Kernel) -> Kernel:
    """Compile a function with numba, cached on disk; while it runs, other Python threads run too.

    Where neither the package's folder nor the user's cache can be written, each process compiles anew.
    """
    try:
        return cast("Kernel", njit(nogil=True, cache=True)(kernel))
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        return cast("Kernel", njit(nogil=True)(kernel))
