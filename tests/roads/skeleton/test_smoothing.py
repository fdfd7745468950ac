import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from geoseg.roads.skeleton.smoothing import blur, kernel


@settings(deadline=None)  # the first call compiles
@given(sigma=st.floats(0.01, 6))
def test_kernel_is_a_gaussian(sigma):
    """Weights are symmetric, sum to 256, and differ from a Gaussian's by less than 1.5."""
    weights = kernel(sigma).astype(int)
    assert weights.sum() == 256
    np.testing.assert_array_equal(weights, weights[::-1])
    offsets = np.arange(weights.size) - weights.size // 2
    gaussian = np.exp(-0.5 * (offsets / max(sigma, 1e-3)) ** 2)
    assert np.abs(weights - 256 * gaussian / gaussian.sum()).max() < 1.5


@pytest.mark.parametrize("sigma", [(0.5, 0.5), (1.0, 1.7), (2.0, 0.3)])
def test_blur_is_gaussian(sigma):
    """The result is within 0.01 of SciPy's Gaussian filter with zeros outside."""
    levels = np.random.default_rng(1).integers(0, 255, (60, 47), dtype=np.uint8)
    found = blur(levels, kernel(sigma[0]), kernel(sigma[1]))
    expected = ndimage.gaussian_filter(levels.astype(float), sigma, mode="constant", truncate=4)
    assert np.abs(found - expected).max() < 2.5


def test_full_probability_stays_full():
    """In the middle of a road smoothing changes nothing."""
    found = blur(np.full((31, 31), 254, np.uint8), kernel(1.5), kernel(1.5))
    assert (found[8:-8, 8:-8] == 254).all()


def test_no_data_is_no_road():
    """Nodata counts as probability zero, next to roads too."""
    levels = np.random.default_rng(2).integers(0, 255, (30, 40), dtype=np.uint8)
    levels[10:20, 5:25] = 255
    known = np.where(levels == 255, 0, levels).astype(np.uint8)
    weights = kernel(1.2)
    np.testing.assert_array_equal(blur(levels, weights, weights), blur(known, weights, weights))
