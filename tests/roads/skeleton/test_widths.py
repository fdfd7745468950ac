import numpy as np
import pytest
import shapely
from rasterio import Affine
from rasterio.features import rasterize


@pytest.mark.parametrize("angle", [0, 13, 30, 45, 76, 90])
@pytest.mark.parametrize("width", [3.0, 5.5, 9.3, 16.0])
def test_width_is_that_of_the_road(trace_levels, angle, width):
    """At 0.5 m pixels that hold their share of road, the width is constant and correct within 0.2 m."""
    step = 60 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    area = shapely.LineString([75 - step, 75 + step]).buffer(width / 2, cap_style="flat")
    fine = rasterize([area], out_shape=(1200, 1200), transform=Affine.scale(0.125))
    levels = np.rint(fine.reshape(300, 4, 300, 4).mean(axis=(1, 3)) * 254).astype(np.uint8)
    network = trace_levels(levels, gsd=0.5)
    assert len(network) == 1
    assert network.edges.width_m[0] == pytest.approx(width, abs=0.2)
    assert network.edges.width_sd_m[0] < 0.25


def test_neighbouring_roads_do_not_add_up(trace_levels, paint):
    """Two roads 3 m apart each have their own width."""
    mask = paint((120, 300), [[(5, 50), (295, 50)], [(5, 60), (295, 60)]], width=7)
    network = trace_levels(np.where(mask, 254, 0).astype(np.uint8))
    assert len(network) == 2
    np.testing.assert_allclose(network.edges.width_m, 7, atol=0.4)


def test_half_a_probability_is_half_a_road(trace_levels):
    """The width is the integral of the probability, which is also reported."""
    levels = np.zeros((60, 200), np.uint8)
    levels[26:34, 10:190] = 127
    network = trace_levels(levels)
    assert network.edges.width_m[0] == pytest.approx(4, abs=0.2)
    assert network.edges.prob_mean[0] == pytest.approx(0.5, abs=0.02)
    assert network.edges.prob_min[0] <= network.edges.prob_mean[0]
