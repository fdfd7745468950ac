import numpy as np
import pytest

from geoseg.rendering.canvas import Canvas
from geoseg.rendering.lighting import Sun, shade


@pytest.mark.parametrize("azimuth_deg", [0, 90, 180, 270])
@pytest.mark.parametrize("elevation_deg", [30, 45, 60])
def test_shadow_of_a_post(azimuth_deg, elevation_deg):
    """A 10 m wall casts a shadow away from the sun, as long as 10 m over the tangent of the sun's elevation."""
    canvas = Canvas(np.random.default_rng(0), (80, 80), 1.0)
    azimuth, elevation = np.deg2rad([azimuth_deg, elevation_deg])
    towards = (float(np.sin(azimuth)), float(-np.cos(azimuth)))
    middle = canvas.shape[0] // 2
    canvas.heights[middle - 2 : middle + 3, middle - 2 : middle + 3] = 10.0
    lit = shade(canvas, Sun(towards=towards, elevation=float(elevation)), darkness=1.0)
    steps = np.arange(3, middle)
    away = lit[np.round(middle - towards[1] * steps).astype(int), np.round(middle - towards[0] * steps).astype(int)]
    toward = lit[np.round(middle + towards[1] * steps).astype(int), np.round(middle + towards[0] * steps).astype(int)]
    assert (toward == 1).all()
    length_m = (away < 0.5).sum() * canvas.cell_m
    # half a metre short for the penumbra, and a cell or two of rounding
    assert length_m == pytest.approx(10.0 / np.tan(elevation), abs=1.6)


def test_slopes_towards_the_sun_are_brighter():
    """Lambert's law: light on a plane is the dot product of its normal and the sun, relative to level ground."""
    sun = Sun(towards=(0.6, -0.8), elevation=0.7)
    slope_x, slope_y = np.float32([0.3, -0.3, 0.0]), np.float32([0.1, 0.5, 0.0])
    normal = np.stack([-slope_x, -slope_y, np.ones(3)]) / np.sqrt(1 + slope_x**2 + slope_y**2)
    direction = np.array([0.6 * np.cos(0.7), -0.8 * np.cos(0.7), np.sin(0.7)])
    np.testing.assert_allclose(sun.facing(slope_x, slope_y), direction @ normal / np.sin(0.7), rtol=1e-5)
