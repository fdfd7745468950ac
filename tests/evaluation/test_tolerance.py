"""Dilation by a disc agrees with SciPy's distance transform and grey dilation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt, grey_dilation

from geoseg.errors import UsageError
from geoseg.evaluation.relaxed import dilate, reach
from geoseg.evaluation.tolerance import Distance

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
RADII = st.sampled_from([0, 1, 1.2, np.sqrt(2), 2, 2.5, 3, 5, 13])


@given(mask=arrays(bool, SHAPES), radius=RADII)
def test_disc_is_a_distance(mask, radius):
    """A mask grows to the pixels that SciPy finds within the radius."""
    near = dilate(mask.astype(np.uint8), radius, np.maximum) != 0
    expected = distance_transform_edt(~mask) <= radius + 1e-9 if mask.any() else mask
    np.testing.assert_array_equal(near, expected)


@settings(max_examples=50)
@given(mask=arrays(bool, SHAPES), down=RADII, along=RADII)
def test_ellipse_is_a_distance(mask, down, along):
    """A mask grows to the pixels within a distance on pixels that are not square."""
    near = dilate(mask.astype(np.uint8), (float(down), float(along)), np.maximum) != 0
    steps = (1 / down if down else 1e9, 1 / along if along else 1e9)
    expected = distance_transform_edt(~mask, sampling=steps) <= 1 + 1e-9 if mask.any() else mask
    np.testing.assert_array_equal(near, expected)


@settings(max_examples=50)
@given(values=arrays(np.uint8, SHAPES), radius=RADII)
def test_highest_value_in_a_disc(values, radius):
    """Values spread as in SciPy's grey dilation with a disc; bits spread independently."""
    steps = np.arange(-reach(radius), reach(radius) + 1)
    disc = np.hypot(steps[:, None], steps) <= radius + 1e-9
    expected = grey_dilation(values, footprint=disc, mode="constant", cval=0)
    np.testing.assert_array_equal(dilate(values, radius, np.maximum), expected)
    bits = [dilate(values & bit, radius, np.maximum) for bit in np.uint8(1) << np.arange(8, dtype=np.uint8)]
    np.testing.assert_array_equal(dilate(values, radius, np.bitwise_or), np.bitwise_or.reduce(bits))


def test_input_is_left_alone():
    """Dilation returns a new array."""
    values = np.eye(4, dtype=np.uint8)
    dilate(values, 2, np.maximum)
    np.testing.assert_array_equal(values, np.eye(4))


@pytest.mark.parametrize(
    ("text", "gsd_m", "pixels"),
    [
        (3, None, (3, 3)),
        ("3", None, (3, 3)),
        ("2.5px", (0.5, 0.25), (2.5, 2.5)),
        ("1.5m", (0.5, 0.25), (3, 6)),
        ("2 m", (4, 4), (0.5, 0.5)),
    ],
)
def test_distances(text, gsd_m, pixels):
    """A bare number is pixels; metres become pixels by their size."""
    assert Distance.parse(text).pixels(gsd_m) == pytest.approx(pixels, rel=3e-3)


@pytest.mark.parametrize("text", ["", "three", "-1", "3km", "nan"])
def test_not_a_distance(text):
    """Anything else is refused by name."""
    with pytest.raises(UsageError, match="is not a distance"):
        Distance.parse(text)


def test_metres_need_a_georeference():
    """Metres cannot be used where the size of a pixel is unknown."""
    with pytest.raises(UsageError, match="needs rasters with a georeference"):
        Distance.parse("2m").pixels(None)
