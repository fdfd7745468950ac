"""Validity of pixels, samples of large rasters, and values without data that are not declared."""

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

import geoseg.rasters.thinning
from geoseg.rasters.missing_data.undeclared import find_lossy, find_undeclared
from geoseg.rasters.missing_data.validity import Validity
from geoseg.rasters.thinning import SIDE, thin

AS_DECLARED = Validity()
WINDOW = Window(10, 5, 30, 20)


@pytest.fixture
def valid_in(write_scene):
    """Validity of bands of a scene, whose sample and windows must agree."""

    def read(pixels, validity=AS_DECLARED, bands=(1, 2, 3), **profile):
        with rasterio.open(write_scene(pixels, **profile)) as scene:
            values, valid = validity.sample(scene, bands)
            _, part = validity.read(scene, bands, WINDOW)
        np.testing.assert_array_equal(values, pixels[np.array(bands) - 1])
        np.testing.assert_array_equal(part, valid[WINDOW.toslices()])
        return valid

    return read


def empty_in_some_bands(noise, value, dtype=np.int16):
    """Noise above 0, with a value in the left of band 1, and in the top of bands 2 and 3."""
    pixels = noise(50, 60).astype(dtype) + 1
    pixels[0, :, :20] = value
    pixels[1:, :15] = value
    return pixels


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    ("value", "join"), [(0, np.all), (-9999, np.any), (float(np.finfo(np.float32).max), np.any), (2.0**123, np.any)]
)
def test_nodata_of_bands_that_differ(valid_in, noise, declared, value, join):
    """A value that cannot be measured empties the pixel from one band; 0 must be in all: one may be a dark colour."""
    pixels = empty_in_some_bands(noise, value, np.int16 if abs(value) < 2**15 else np.float32)
    found = valid_in(pixels, nodata=value) if declared else valid_in(pixels, Validity(nodata=(value,) * 3))
    np.testing.assert_array_equal(found, ~join(pixels == value, axis=0))


def test_one_value_for_each_band(valid_in, noise):
    """Values given by band are those of one colour."""
    pixels = noise(50, 60) | 1
    pixels[:, 10:20, 30:] = np.array([254, 0, 254], np.uint8)[:, None, None]
    found = valid_in(pixels, Validity(nodata=(254, 0, 254)))
    assert (~found).sum() == 10 * 30


def test_alpha_outranks_nodata(valid_in):
    """Next to transparency, a nodata value is a colour."""
    alpha = np.full((1, 50, 60), 255, np.uint8)
    alpha[:, :, 50:] = 0
    pixels = np.concatenate([np.zeros((3, 50, 60), np.uint8), alpha])
    found = valid_in(pixels, Validity(alpha=4), photometric="rgb", nodata=0)
    np.testing.assert_array_equal(found, alpha[0] > 0)


@pytest.mark.parametrize("value", [-9999, 2.0**123])
def test_fill_next_to_alpha(valid_in, noise, value):
    """Next to transparency, a nodata value that cannot be measured is none; it may be in one band only."""
    pixels = np.concatenate([empty_in_some_bands(noise, value, np.float32), np.full((1, 50, 60), 255, np.float32)])
    pixels[3, 40:] = 0
    found = valid_in(pixels, Validity(alpha=4), photometric="minisblack", nodata=value)
    np.testing.assert_array_equal(found, (pixels[:3] != value).all(axis=0) & (pixels[3] > 0))


@pytest.mark.parametrize("value", [0, -9999])
def test_nodata_next_to_a_mask(valid_in, noise, value):
    """A nodata value that cannot be measured counts, though GDAL does not apply it next to a mask; 0 does not."""
    pixels = empty_in_some_bands(noise, value)
    mask = np.ones((50, 60), bool)
    mask[40:] = False
    found = valid_in(pixels, nodata=value, mask=mask)
    np.testing.assert_array_equal(found, mask if value == 0 else (pixels != value).all(axis=0) & mask)


def test_band_called_alpha_is_no_mask(valid_in, noise):
    """A band that GDAL calls alpha does not mask the others if it is none."""
    pixels = noise(50, 60, bands=4)
    pixels[3, :20] = 0
    assert valid_in(pixels, photometric="rgb", alpha="yes").all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(valid_in, noise, value):
    """A band that is NaN or infinite empties the pixel."""
    pixels = empty_in_some_bands(noise, value, np.float32)
    np.testing.assert_array_equal(valid_in(pixels), np.isfinite(pixels).all(axis=0))


@pytest.mark.parametrize("profile", [{}, {"tiled": True, "blockxsize": 64, "blockysize": 32}], ids=["strips", "tiles"])
def test_sample_of_a_large_raster(write_scene, monkeypatch, profile):
    """A large raster is sampled in few blocks, evenly: shares are those of the whole, within a few per cent."""
    pixels = np.zeros((1, 1000, 1200), np.uint8)
    pixels[:, 300:, :900] = 1 + np.arange(900, dtype=np.uint16)[None, None] % 5
    monkeypatch.setattr(geoseg.rasters.thinning, "_WHOLE_PIXELS", 1000)
    with rasterio.open(write_scene(pixels, **profile)) as raster:
        found = thin(raster, [1])
    assert max(found.shape) <= SIDE
    for value in range(6):
        assert (found == value).mean() == pytest.approx((pixels == value).mean(), abs=0.05)


def textured(noise, dtype=np.uint8):
    return noise(200, 200).astype(dtype) + 1


def test_collars_and_gaps(noise):
    """0 in one piece, and the lowest or highest value in a corner, are noticed with their share; others are not."""
    everywhere = np.ones((200, 200), bool)
    swath = textured(noise)
    rows, cols = np.indices((200, 200))
    swath[:, np.abs(rows - cols) > 100] = 0
    share = (np.abs(rows - cols) > 100).mean()
    assert find_undeclared(swath, everywhere) == (0, pytest.approx(share))
    gap = textured(noise)
    gap[:, 50:90, 60:160] = 0
    assert find_undeclared(gap, everywhere) == (0, pytest.approx(0.1))
    white = textured(noise)
    white[:, :30] = 255
    assert find_undeclared(white, everywhere) == (255, pytest.approx(0.15))
    low = textured(noise) // 2 + 9
    low[:, np.abs(rows - cols) > 100] = 1
    assert find_undeclared(low, everywhere) == (1, pytest.approx(share))
    pond = textured(noise) // 2 + 9
    pond[:, 50:90, 60:160] = 1
    assert find_undeclared(pond, everywhere) is None
    assert find_undeclared(low[:, 195:, :5], everywhere[:5, :5]) is None
    roof = textured(noise)
    roof[:, 50:90, 60:160] = 255
    assert find_undeclared(roof, everywhere) is None
    shadows = textured(noise)
    shadows[:, rows % 3 + cols % 3 == 0] = 0
    assert find_undeclared(shadows, everywhere) is None
    assert find_undeclared(swath, np.abs(rows - cols) <= 100) is None
    assert find_undeclared(swath, ~everywhere) is None


def test_collars_of_lossy_compression(noise):
    """Nearly black or white from a corner on is noticed in bytes with its share; dark ground elsewhere is not."""
    everywhere = np.ones((200, 200), bool)
    rows, cols = np.indices((200, 200))
    collar, pond = np.abs(rows - cols) > 100, (abs(rows - 90) < 20) & (abs(cols - 90) < 20)
    flicker = noise(200, 200) % 4
    for lowest in (0, 252):
        swath, dark = (np.where(where, flicker + lowest, textured(noise) // 2 + 20) for where in (collar, pond))
        assert find_undeclared(swath, everywhere) is None
        assert find_lossy(swath, everywhere) == pytest.approx(collar.mean())
        assert find_lossy(swath, ~collar) is None
        assert find_lossy(swath.astype(np.uint16), everywhere) is None
        assert find_lossy(dark, everywhere) is None
    assert find_lossy(flicker, everywhere) is None
    dusk = np.broadcast_to((rows + cols) // 10, (3, 200, 200)).astype(np.uint8)
    assert find_lossy(dusk, everywhere) is find_lossy(255 - dusk, everywhere) is None


@pytest.mark.parametrize("fill", [-9999, -32768])
def test_negative_fill(noise, fill):
    """A lowest value that is repeated in all bands and negative is fill, however scattered."""
    pixels = textured(noise, np.int16) - 30
    everywhere = np.ones((200, 200), bool)
    assert find_undeclared(pixels, everywhere) is None
    pixels[:, ::20, ::10] = fill
    assert find_undeclared(pixels, everywhere) == (fill, pytest.approx(0.005))
