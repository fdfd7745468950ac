"""Arrays that repeat one value behave as NumPy's others, and stay small."""

import numpy as np
import pytest

from geoseg.tiling import any_true, concatenate, is_repeated


def repeated(value, *shape):
    return np.broadcast_to(np.uint8(value), shape)


def test_repeated_arrays_are_known():
    """An array of one value is known to be one only if it stores that value once; a single pixel is stored."""
    assert is_repeated(repeated(7, 3, 5))
    assert is_repeated(repeated(7, 3, 5)[1:, 2:])
    assert not is_repeated(np.full((3, 5), 7, np.uint8))
    assert not is_repeated(np.full((1, 1), 7, np.uint8))
    assert not is_repeated(repeated(7, 0, 5))


@pytest.mark.parametrize("value", [False, True])
def test_any_true(value):
    """A mask that repeats its value has any true one as NumPy says; so has another."""
    mask = np.broadcast_to(np.bool_(value), (4, 6))
    assert any_true(mask) is value
    assert any_true(mask.copy()) is value


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    "values",
    [(255, 255), (255, 0), (255, None)],
    ids=["one value", "two values", "with others"],
)
def test_concatenate(axis, values):
    """The result is NumPy's, and repeats its value if the arrays repeat the same."""
    others = np.arange(12, dtype=np.uint8).reshape(3, 4)
    arrays = [others if value is None else repeated(value, 3, 4) for value in values]
    joined = concatenate(arrays, axis)
    np.testing.assert_array_equal(joined, np.concatenate(arrays, axis))
    assert is_repeated(joined) == (values == (255, 255))
