"""Arrays that repeat one value and take no memory, such as `np.broadcast_to` makes: ground without data."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)


def is_repeated(array: NDArray[Any]) -> bool:
    """Whether an array is known to repeat one value, without reading its values."""
    return array.size > 0 and not any(array.strides)


def any_true(mask: NDArray[np.bool_]) -> bool:
    """Whether any value of a mask is true."""
    return bool(mask.flat[0] if is_repeated(mask) else mask.any())


def concatenate(arrays: Sequence[NDArray[Value]], axis: int) -> NDArray[Value]:
    """Concatenate arrays as NumPy does; those that repeat one value make one that does."""
    first = arrays[0]
    if not all(is_repeated(array) and array.flat[0] == first.flat[0] for array in arrays):
        return np.concatenate(arrays, axis)
    shape = list(first.shape)
    shape[axis] = sum(array.shape[axis] for array in arrays)
    return np.broadcast_to(first.flat[0], shape)
