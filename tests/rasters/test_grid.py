"""Grids at another ground sample distance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from rasterio import Affine
from standins import make_card

from geoseg.rasters.grid import SAME_GSD, Grid, choose_gsd, grid_at, scaled_shape, shape_at

SIZES = st.integers(1, 50_000)
GSDS = st.floats(0.01, 100)


@given(shape=st.tuples(SIZES, SIZES), found=st.tuples(GSDS, GSDS), wanted=GSDS)
def test_extent_is_kept(shape, found, wanted):
    """A grid covers the ground of its raster, with pixels of the wanted GSD but for the rounding to whole pixels."""
    own = Grid(shape=shape, transform=Affine(2, 0.5, 500_000, 0.5, -2, 5_400_000), crs=CRS("EPSG:32633"))
    grid = grid_at(wanted, own, found)
    for corner, far in (((0, 0), (0, 0)), (own.shape[::-1], grid.shape[::-1])):
        np.testing.assert_allclose(grid.transform @ far, own.transform @ corner, rtol=1e-12)
    assert grid.geobox == own.geobox.zoom_to(grid.shape)
    if grid.shape != own.shape:
        for size, native, step in zip(grid.shape, shape, found, strict=True):
            assert size == 1 or abs(size - native * step / wanted) <= 0.5


@pytest.mark.parametrize(("found", "kept"), [((1.04, 0.96), True), ((1.06, 1.0), False), ((1.0, 0.94), False)])
def test_nearly_the_same_gsd_is_the_same(found, kept):
    """Within 5 % along both sides, a raster is used on its own pixels."""
    own = Grid(shape=(500, 400), transform=Affine(1, 0, 500_000, 0, -1, 5_400_000), crs=CRS("EPSG:32633"))
    assert SAME_GSD == 0.05
    assert (shape_at(1.0, (500, 400), found) == (500, 400)) == kept
    assert (grid_at(1.0, own, found) is own) == kept


RANGE = (0.3, 1.2)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((0.6, 0.6), 0.6),
        ((0.29, 0.29), 0.3),  # used as it is: within 5 %
        ((1.25, 1.25), 1.2),
        ((0.28, 0.28), 0.3),
        ((0.1, 0.1), 0.3),
        ((1.3, 1.3), 1.2),
        ((4.0, 4.0), 1.2),
        ((0.4, 0.9), 0.6),  # not square: the same area
        ((0.2, 0.3), 0.3),
    ],
)
def test_a_range_of_gsds(found, expected):
    """Within the model's range a raster keeps its pixels; finer and coarser ones get those of its ends."""
    card = make_card(gsd_range_m=RANGE)
    assert choose_gsd(card, found) == pytest.approx(expected, rel=1e-5)
    assert choose_gsd(make_card(), found) == 1.0
    own = Grid(shape=(500, 400), transform=Affine(1, 0, 500_000, 0, -1, 5_400_000), crs=CRS("EPSG:32633"))
    grid = grid_at(choose_gsd(card, found), own, found)
    kept = found[0] == found[1] and abs(found[0] / expected - 1) <= SAME_GSD
    assert (grid is own) == kept
    if not kept:
        assert grid.shape == tuple(round(size * step / expected) for size, step in zip((500, 400), found, strict=True))


def test_a_pixel_remains():
    """However coarse, a grid has a pixel."""
    assert scaled_shape((500, 3), (1e-6, 0.4)) == (1, 1)
