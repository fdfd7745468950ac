import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from geoseg.roads.skeleton.distance import FAR, UNIT_M, distances, step_costs

METRICS = {
    "square": np.diag([1.0, -1.0]),
    "fine": np.diag([0.3, -0.3]),
    "oblong": np.diag([0.7, -1.0]),
    "rotated": 0.5 * np.array([[0.8, 0.6], [0.6, -0.8]]),
}


@pytest.mark.parametrize("name", METRICS)
def test_distances_are_euclidean_on_the_ground(name):
    """The distance to the background is Euclidean within 5 % on square, oblong and rotated pixels."""
    metric = METRICS[name]
    noise = ndimage.gaussian_filter(np.random.default_rng(4).standard_normal((120, 140)), 7)
    mask = (np.abs(noise) < noise.std()).astype(np.uint8)
    mask[:3] = mask[-3:] = mask[:, :3] = mask[:, -3:] = 0
    found = distances(mask, step_costs(metric)) * UNIT_M
    road, background = np.argwhere(mask)[:, ::-1], np.argwhere(mask == 0)[:, ::-1]
    expected, _ = cKDTree(background @ metric.T).query(road @ metric.T)
    np.testing.assert_allclose(found[mask == 1], expected, rtol=0.05, atol=UNIT_M)
    assert (found[mask == 0] == 0).all()


def test_without_background_it_is_far():
    """Without background in the window the distance is `FAR` or more."""
    assert (distances(np.ones((9, 9), np.uint8), step_costs(np.eye(2))) >= FAR).all()
