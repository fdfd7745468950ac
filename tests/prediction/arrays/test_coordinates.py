"""Arrays whose coordinates are not those of a grid, or have no CRS, and what is no array."""

import numpy as np
import pytest
import xarray
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords
from rasterio import Affine
from standins import load_echo, warned

import geoseg
from geoseg.errors import UsageError


@pytest.fixture
def model(write_bundle):
    """A model whose network echoes its input."""
    return geoseg.Model(write_bundle(), load=load_echo)


def placed_array(pixels, crs="EPSG:32633"):
    """A DataArray on a grid of 1 m."""
    rows, cols = pixels.shape[1:]
    grid = GeoBox((rows, cols), Affine(1, 0, 500_000, 0, -1, 5_400_000), crs)
    return xarray.DataArray(pixels, dict(xr_coords(grid)), ("band", "y", "x"))


@pytest.mark.parametrize("dimension", ["x", "y"])
def test_uneven_coordinates(model, noise, dimension):
    """Coordinates with a gap, which odc-geo takes for an even grid, are refused: results would have other places."""
    array = placed_array(noise(40, 40))
    gap = {dimension: np.r_[0:10, 20:40]}
    with pytest.raises(UsageError, match=rf"the coordinates {dimension} of `array` are not evenly spaced \(some are"):
        model.predict_array(array.isel(gap))
    for even in (slice(None, None, -1), slice(3, None, 2), slice(5, 6)):
        part = array.isel({dimension: even})
        found = model.predict_array(part)
        np.testing.assert_array_equal(found[dimension], part[dimension])
    rounded = array.assign_coords({dimension: array[dimension].astype(np.float32)})
    assert model.predict_array(rounded).shape == (40, 40)


def test_coordinates_without_a_crs(model, noise):
    """Without a CRS the size of pixels is not known: what is assumed is reported, unless it is given."""
    array = placed_array(noise(40, 40), crs=None)
    fine = array.assign_coords(x=array["x"] * 0.3, y=array["y"] * 0.3)
    with warned(r"the array has coordinates 0\.3 apart but no CRS, and its pixels are taken for 1 m; assign it"):
        model.predict_array(fine)
    model.predict_array(fine, image_gsd_m=0.5)
    for silent in (array, array.assign_coords(x=np.arange(40), y=np.arange(40)), noise(40, 40)):
        model.predict_array(silent)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        ([[[1]]], "`array` must be a NumPy array or a DataArray, not a list"),
        (xarray.Dataset(), "`array` must be a NumPy array or a DataArray, not a Dataset"),
        (
            xarray.DataArray(np.ones((3, 9, 9)), dims=("b", "y", "x"), attrs={"nodata": "n/a"}),
            "nodata value that",
        ),
    ],
)
def test_what_is_no_array(model, array, words):
    """What is no array, and a nodata value that is no number, is refused in a sentence."""
    with pytest.raises(UsageError, match=words):
        model.predict_array(array)
