import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.morphology import thin

from geoseg.roads.thinning import thinned


@given(seed=st.integers(0, 10_000), share=st.floats(0.2, 0.95), blur=st.floats(0, 3))
def test_pixels_are_those_of_scikit_image(seed, share, blur):
    """On noise fine and coarse, sparse and dense, the skeleton is scikit-image's, pixel for pixel."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((37, 29)), blur)
    mask = noise < np.quantile(noise, share)
    np.testing.assert_array_equal(thinned(mask), thin(mask))


@pytest.mark.parametrize("width", np.arange(1.5, 9, 0.5))
def test_diagonal_roads_survive(width):
    """A road at 45° keeps its length at every width, as it does not under Zhang and Suen's rule."""
    y, x = np.mgrid[:150, :150]
    road = (np.abs(x - y + 0.3) < width / np.sqrt(2)) & (x + y > 60) & (x + y < 240)
    assert thinned(road).any(axis=1).sum() > 90 - width


def test_mask_is_left_alone():
    """Thinning does not write into its argument."""
    mask = np.ones((9, 9), bool)
    thinned(mask)
    assert mask.all()
