import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.measure import label as skimage_label

from geoseg.polygons.components import NODATA, label, label_below

RASTERS = arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 1, NODATA]))


def components(values):
    """Components by scikit-image, numbered from 0 in reading order; -1 for nodata."""
    marked = np.where(values == NODATA, -1, values.astype(int))
    return skimage_label(marked, background=-1, connectivity=1).astype(int) - 1


@given(RASTERS)
@settings(deadline=None)
def test_label_agrees_with_scikit_image(values):
    """Components match scikit-image, numbered in the order of their first pixels."""
    labels = np.empty(values.shape, np.int32)
    first = label(values, labels)
    np.testing.assert_array_equal(labels, components(values))
    assert first.tolist() == [int(np.flatnonzero(labels == number)[0]) for number in range(labels.max() + 1)]


@given(RASTERS, st.integers(1, 8))
@settings(deadline=None)
def test_two_bands_are_labelled_as_one(values, cut):
    """Labels merged across two bands equal the labels of the whole raster."""
    cut = min(cut, len(values))
    upper, lower = (np.empty(part.shape, np.int32) for part in (values[:cut], values[cut:]))
    upper_first = label(values[:cut], upper)
    if cut == len(values):
        return
    merged, value = label_below(upper[-1], values[:cut].ravel()[upper_first], values[cut:], lower)
    whole = np.concatenate([np.append(merged, -1)[upper], lower])
    np.testing.assert_array_equal(whole, components(values))
    assert len(value) == whole.max() + 1
    np.testing.assert_array_equal(np.append(value, NODATA)[whole], values)
