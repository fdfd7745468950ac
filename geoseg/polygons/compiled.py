"""Loops over pixels and vertices, compiled."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(kernel: Kernel) -> Kernel:
    """Compile a function with numba, cached on disk; while it runs, other Python threads run too."""
    return cast("Kernel", njit(nogil=True, cache=True)(kernel))
