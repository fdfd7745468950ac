"""Which reference pixel lies under the centre of each pixel of a grid."""

import numpy as np
import pytest
import rasterio
from pyproj import CRS, Transformer
from rasterio import Affine

from geoseg.rasters.grid import Grid
from geoseg.rasters.overlay import overlay_grid

GRID = Grid(shape=(40, 50), transform=Affine(0.9, 0, 500_003, 0, -1.1, 5_399_990), crs=CRS("EPSG:32633"))
SAMPLED = (slice(3, 40, 7), slice(0, 50, 4))


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326"])
def test_sampled_pixels_of_a_grid(write_ids, crs):
    """Every seventh row and fourth column is found where its centre lies, in the CRS of the reference."""
    place = Affine(0.5, 0, 499_990, 0, -0.5, 5_400_000)
    if crs == "EPSG:4326":
        lon, lat = Transformer.from_crs("EPSG:32633", crs, always_xy=True).transform(499_990, 5_400_000)
        place = Affine(7e-6, 0, lon, 0, -5e-6, lat)
    reference = write_ids(np.zeros((200, 200), np.uint8), transform=place, crs=crs)
    with rasterio.open(reference) as raster:
        overlay = overlay_grid(GRID, raster, "scene.tif", own_pixels=False)
        found = np.broadcast_arrays(*overlay.sampled(SAMPLED).indices(slice(0, 6), 13))
        to_reference = Transformer.from_crs("EPSG:32633", crs, always_xy=True)
        for row, down in enumerate(range(3, 40, 7)):
            for col, along in enumerate(range(0, 50, 4)):
                x, y = to_reference.transform(*(GRID.transform @ (along + 0.5, down + 0.5)))
                assert (found[0][row, col], found[1][row, col]) == raster.index(x, y)


def test_labels_on_the_scenes_own_pixels(write_ids):
    """The grid covers the scene, so a label pixel is found by its share of height and width."""
    with rasterio.open(write_ids(np.zeros((80, 150), np.uint8))) as raster:
        overlay = overlay_grid(GRID, raster, "scene.tif", own_pixels=True)
        rows, cols = overlay.indices(slice(0, 40), 50)
    np.testing.assert_array_equal(rows.ravel(), np.arange(40) * 2 + 1)
    np.testing.assert_array_equal(cols.ravel(), np.arange(50) * 3 + 1)


DEGREE = 1 / 111_319.4907932736
"""A metre on the equator, in degrees of longitude."""


@pytest.mark.parametrize("x", [180.0, -180.0])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4167", "EPSG:32660", "EPSG:3857"])
def test_references_across_the_antimeridian(write_ids, crs, x):
    """A pixel beyond 180° is found in a reference that counts its longitudes the other way, or crosses -180°."""
    place = Affine(DEGREE, 0, x - 20 * DEGREE, 0, -DEGREE, 20 * DEGREE)
    middle, _ = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(180, 0)
    metre = 1.0 if CRS(crs).is_projected else DEGREE
    grid = Grid(shape=(40, 40), transform=Affine(metre, 0, middle - 20 * metre, 0, -metre, 20 * metre), crs=CRS(crs))
    with rasterio.open(write_ids(np.zeros((40, 40), np.uint8), transform=place, crs="EPSG:4326")) as raster:
        overlay = overlay_grid(grid, raster, "scene.tif", own_pixels=False)
        rows, cols = np.broadcast_arrays(*overlay.indices(slice(0, 40), 40))
    inner = slice(1, 39)  # on the sphere of a web map, a pixel is 0.7 % shorter
    assert np.abs(rows - np.arange(40)[:, None])[inner, inner].max() <= 1
    assert np.abs(cols - np.arange(40))[inner, inner].max() <= 1


@pytest.mark.parametrize(("west", "other"), [(190, -170), (-170, 190)])
def test_longitudes_from_0(write_ids, west, other):
    """190° is -170°."""
    transform = Affine(0.5, 0, west, 0, -0.5, 2)
    grid = Grid(shape=(4, 6), transform=transform, crs=CRS("EPSG:4326"))
    reference = write_ids(np.zeros((4, 6), np.uint8), transform=Affine(0.5, 0, other, 0, -0.5, 2), crs="EPSG:4326")
    with rasterio.open(reference) as raster:
        rows, cols = overlay_grid(grid, raster, "scene.tif", own_pixels=False).indices(slice(0, 4), 6)
    np.testing.assert_array_equal(np.broadcast_arrays(rows, cols)[0], np.indices((4, 6))[0])
    np.testing.assert_array_equal(np.broadcast_arrays(rows, cols)[1], np.indices((4, 6))[1])
