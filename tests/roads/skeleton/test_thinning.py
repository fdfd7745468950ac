import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import morphology

from geoseg.roads import RoadSettings
from geoseg.roads.skeleton.grid_settings import grid_settings
from geoseg.roads.skeleton.thinning import thin


@settings(deadline=None)  # the first call compiles
@given(
    seed=st.integers(0, 10_000),
    blur=st.floats(0, 4),
    share=st.floats(0.1, 0.95),
    iterations=st.integers(0, 12),
)
def test_every_iteration_is_that_of_scikit_image(seed, blur, share, iterations):
    """After any number of iterations the pixels are those of scikit-image's `thin`."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((40, 33)), blur)
    mask = np.pad(noise < np.quantile(noise, share), 1)
    expected = morphology.thin(mask, max_num_iter=iterations) if iterations else mask
    np.testing.assert_array_equal(thin(mask.astype(np.uint8), iterations), expected)


@pytest.mark.parametrize("angle", range(0, 91, 9))
@pytest.mark.parametrize("gsd", [0.5, 1.0])
def test_iterations_suffice_for_the_widest_road(angle, gsd):
    """The widest road is thin after `GridSettings.iterations`, in any direction."""
    grid = grid_settings((400, 400), np.diag([gsd, -gsd]), RoadSettings())
    y, x = np.mgrid[-90:91, -90:91] * gsd
    across = x * np.sin(np.radians(angle)) - y * np.cos(np.radians(angle))
    mask = np.pad(np.abs(across) <= 19, 1).astype(np.uint8)
    done = thin(mask, grid.iterations)
    np.testing.assert_array_equal(done, thin(mask, 500))
    assert done.sum() < 400


@pytest.mark.parametrize("width", range(1, 9))
def test_diagonal_roads_are_not_erased(width):
    """A road at 45° of any width has a skeleton from end to end."""
    y, x = np.mgrid[:60, :60]
    mask = ((x - y >= 0) & (x - y < width)).astype(np.uint8)
    mask[:2] = mask[-2:] = mask[:, :2] = mask[:, -2:] = 0
    skeleton = thin(mask, 40)
    rows = np.flatnonzero(skeleton.any(axis=1))
    assert rows[0] < 2 + width + 1
    assert rows[-1] >= 57 - width - 1
    assert skeleton.any(axis=1)[rows[0] : rows[-1] + 1].all()
