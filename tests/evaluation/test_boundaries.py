"""Erosion and boundaries agree with SciPy's distance transform and scikit-image."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt
from skimage.segmentation import find_boundaries

from geoseg.evaluation.relaxed import boundaries, near_other_class

IDS = arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from([0, 1, 2, 254, 255]))


@given(ids=IDS, radius=st.sampled_from([1, 2, 3, 4.5]))
def test_erosion_is_a_distance_to_other_classes(ids, radius):
    """Pixels with another class within the radius are eroded; pixels without a class and the edge erode nothing."""
    expected = np.zeros(ids.shape, bool)
    for number in (0, 1, 2, 254):
        others = (ids != number) & (ids != 255)
        if others.any():
            expected |= (ids == number) & (distance_transform_edt(~others) <= radius)
    np.testing.assert_array_equal(near_other_class(ids, radius), expected)


@given(ids=IDS)
def test_boundaries_have_two_sides(ids):
    """Both sides of a border belong to it, as in scikit-image; borders with pixels without a class do not count."""
    found = boundaries(ids)
    kept = found != 255
    np.testing.assert_array_equal(found[kept], ids[kept])
    if (ids != 255).all():
        expected = find_boundaries(ids.astype(int), connectivity=1, mode="thick")
        np.testing.assert_array_equal(kept, expected)
    expected = np.zeros(ids.shape, bool)
    for row, col in np.ndindex(ids.shape):
        for other in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            if min(other) >= 0 and other[0] < ids.shape[0] and other[1] < ids.shape[1]:
                pair = {ids[row, col], ids[other]}
                expected[row, col] |= len(pair) == 2 and 255 not in pair
    np.testing.assert_array_equal(kept, expected)
