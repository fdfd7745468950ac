import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import thin as thin_whole

from geoseg.roads.skeleton import thin


@pytest.fixture(scope="module")
def mask():
    """Return blobby roads about 7 pixels wide, some across the frame."""
    noise = ndimage.gaussian_filter(np.random.default_rng(5).standard_normal((300, 120)), 6)
    return np.abs(noise) < 0.015


def test_strips_give_the_skeleton_of_the_whole(mask):
    """Bands with a halo wider than the roads are thinned to the very pixels that the whole mask is thinned to."""
    strips = list(thin([mask], mask.shape, [np.eye(2)] * 8, rows=40, halo=64))
    np.testing.assert_array_equal(np.concatenate([strip.rows for strip in strips]), thin_whole(mask))


@pytest.mark.parametrize("metric", [np.diag([1.0, 1.0]), np.diag([0.6, -1.1])])
def test_half_widths_are_the_distance_transform(mask, metric):
    """Half-widths equal the exact Euclidean distance transform on the ground, outside the scene being background."""
    strips = list(thin([mask], mask.shape, [metric] * 8, rows=40, halo=128))
    skeleton = np.concatenate([strip.rows for strip in strips])
    sampling = np.abs(metric.diagonal())[::-1]
    distances = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=sampling)[1:-1, 1:-1]
    found = np.concatenate([strip.half_width_m for strip in strips])
    np.testing.assert_allclose(found, distances[skeleton], rtol=1e-6)


def test_half_widths_saturate_at_the_reach():
    """Where the road is wider than the halo sees, the half-width is what can be seen, not a wrong number."""
    strip = next(thin([np.ones((90, 90), bool)], (90, 90), [np.eye(2)], rows=90, halo=32))
    assert strip.half_width_m.max() == pytest.approx(16, abs=0.5)
