import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy import ndimage

from geoseg.roads.skeleton.mask import fill_holes, runs


@settings(deadline=None)  # the first call compiles
@given(
    shape=array_shapes(min_dims=2, max_dims=2, max_side=70),
    share=st.sampled_from([0.0, 0.01, 0.3, 0.95, 1.0]),
    seed=st.integers(0, 99),
)
def test_runs_are_the_mask(shape, share, seed):
    """Runs repaint the mask, are in reading order, not empty, and do not touch each other."""
    mask = (np.random.default_rng(seed).random(shape) < share).astype(np.uint8)
    found = runs(mask)
    painted = np.zeros_like(mask)
    for row, first, stop in found:
        painted[row, first:stop] = 1
    np.testing.assert_array_equal(painted, mask)
    row, first, stop = found.T.astype(np.int64)
    assert (first < stop).all()
    stride = shape[1] + 1
    assert ((row * stride + stop)[:-1] < (row * stride + first)[1:]).all()


def test_many_runs():
    """The array of runs grows beyond its first size."""
    assert len(runs(np.tile(np.array([1, 0], np.uint8), (100, 50)))) == 5000


@settings(deadline=None)  # the first call compiles
@given(seed=st.integers(0, 10_000), density=st.floats(0.3, 0.9), area=st.integers(0, 14), reach=st.integers(1, 7))
def test_small_holes_are_filled_and_nothing_else(seed, density, area, reach):
    """Exactly those background components are filled that are within area and reach, off the window's edge."""
    mask = (np.random.default_rng(seed).random((23, 29)) < density).astype(np.uint8)
    labels, count = ndimage.label(mask == 0)
    expected = mask.copy()
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        rows, cols = place
        inner = rows.start > 0 and cols.start > 0 and rows.stop < 23 and cols.stop < 29
        small = (labels == number).sum() <= area
        if inner and small and max(rows.stop - rows.start, cols.stop - cols.start) <= reach:
            expected[labels == number] = 1
    assert count == labels.max()
    fill_holes(mask, area, reach)
    np.testing.assert_array_equal(mask, expected)
