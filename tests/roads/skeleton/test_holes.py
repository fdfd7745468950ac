import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from geoseg.roads.skeleton.mask import fill_holes


@settings(deadline=None)  # the first call compiles
@given(seed=st.integers(0, 10_000), density=st.floats(0.3, 0.9), area=st.integers(0, 14), reach=st.integers(1, 7))
def test_small_holes_are_filled_and_nothing_else(seed, density, area, reach):
    """What is filled are the background components of the definition, one by one."""
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
