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
