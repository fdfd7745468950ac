"""Regions of rasters, resampled, with their validity."""

import numpy as np
import pytest
import rasterio

import geoseg.rasters.read
from geoseg.models.bundle import Scaling
from geoseg.rasters.missing_data.validity import Validity
from geoseg.rasters.read import gather, read_imagery, read_nearest, read_pixels, scaled
from geoseg.rasters.resampling import Resampler

BANDS, SHAPE = (3, 1), (70, 91)
REGION = slice(11, 64), slice(5, 91)


@pytest.fixture(params=[{}, {"tiled": True, "blockxsize": 32, "blockysize": 32}], ids=["strips", "tiles"])
def scene(request, write_scene, noise):
    """An open scene of 100 × 130 pixels with a mask, stored in strips or in tiles."""
    pixels = noise(100, 130)
    with rasterio.open(write_scene(pixels, mask=pixels[0] < 200, **request.param)) as dataset:
        yield dataset


def whole(scene):
    """Pixels and validity of the whole scene on a grid of `SHAPE`, resampled at once."""
    resampler = Resampler(source_shape=scene.shape, target_shape=SHAPE)
    roi = slice(0, SHAPE[0]), slice(0, SHAPE[1])
    values, mask = read_pixels(scene, BANDS, Validity(), tuple(slice(0, size) for size in scene.shape))
    valid = resampler.nearest(mask, roi)
    filtered = [resampler.lanczos(values[..., band], mask, roi) for band in range(len(BANDS))]
    return np.where(valid[..., None], np.stack(filtered, -1), 0), valid, resampler.nearest(values[..., 0], roi)


@pytest.mark.parametrize("side", [7, 40, 2048])
def test_parts_do_not_change_pixels(scene, monkeypatch, side):
    """A region read in parts of any size is that region of the whole scene, resampled at once."""
    monkeypatch.setattr(geoseg.rasters.read, "PART_SIDE", side)
    imagery, valid, nearest = whole(scene)
    found, mask = read_imagery(scene, BANDS, Validity(), SHAPE, REGION)
    np.testing.assert_array_equal(found, imagery[REGION])
    np.testing.assert_array_equal(mask, valid[REGION])

    def read(roi):
        values, inside = read_pixels(scene, BANDS, Validity(), roi)
        return values[..., 0], inside

    found, mask = read_nearest(scene, read, SHAPE, REGION)
    np.testing.assert_array_equal(found, nearest[REGION])
    np.testing.assert_array_equal(mask, valid[REGION])


def test_own_grid_is_not_resampled(scene):
    """On the scene's own grid, imagery is its pixels."""
    found, mask = read_imagery(scene, BANDS, Validity(), scene.shape, REGION)
    values = scene.read(BANDS)[(slice(None), *REGION)]
    np.testing.assert_array_equal(mask, scene.read_masks(1)[REGION] > 0)
    np.testing.assert_array_equal(found, np.where(mask, values, 0).transpose(1, 2, 0))


@pytest.mark.parametrize("at_most", [1, 200, np.inf])
def test_single_pixels(at_most):
    """Pixels are picked as NumPy's indices pick them, and are not valid outside; no read is larger than allowed."""
    random = np.random.default_rng(0)
    pixels, valid = random.integers(0, 99, (40, 30)), random.random((40, 30)) < 0.8
    rows, cols = random.integers(-3, 43, (50, 1)) + np.zeros((1, 2), int), random.integers(-3, 33, (50, 2))
    inside = (rows >= 0) & (rows < 40) & (cols >= 0) & (cols < 30)
    sizes = []

    def read(roi):
        sizes.append(pixels[roi].size)
        return pixels[roi], valid[roi]

    found, mask = gather(read, (40, 30), rows, cols, at_most=at_most)
    place = np.where(inside, rows, 0), np.where(inside, cols, 0)
    np.testing.assert_array_equal(mask, valid[place] & inside)
    np.testing.assert_array_equal(found[mask], pixels[place][mask])
    assert max(sizes) <= at_most


def test_no_pixel_inside():
    """Where no pixel lies in the raster, nothing is read."""
    found, mask = gather(lambda roi: pytest.fail("read"), (40, 30), np.array([[-1], [40]]), np.array([[0, 1, 2]]))
    assert found.shape == mask.shape == (2, 3)
    assert not mask.any()


def test_values_beyond_the_range_are_cut_off():
    """Values are clipped to 0–255 by the scaling of their band, and bytes without scaling are kept."""
    values = np.array([0, 100, 400, 5000], np.uint16)[:, None] + np.array([0, 60], np.uint16)
    found = scaled(values, (Scaling(offset=100, gain=0.25), Scaling(gain=0.5)))
    np.testing.assert_array_equal(found, np.float32([[0, 30], [0, 80], [75, 230], [255, 255]]))
    levels = np.arange(256, dtype=np.uint8)[:, None]
    np.testing.assert_array_equal(scaled(levels, (Scaling(),)), levels.astype(np.float32))
