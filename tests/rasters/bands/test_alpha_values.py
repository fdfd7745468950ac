"""Colours multiplied by alpha; the oracle is the image from which they were multiplied."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from geoseg.rasters.bands.identify import name_bands, validity_of
from geoseg.rasters.opening.open import opened
from geoseg.rasters.read import read_pixels
from geoseg.rasters.resize import resize

WHOLE = slice(0, 150), slice(0, 200)


@pytest.fixture(params=[np.uint8, np.uint16])
def image(request, noise):
    """Colours `(3, rows, columns)`, and an alpha `(rows, columns)` that rises from clear to opaque."""
    top = np.iinfo(request.param).max
    colours = (noise(150, 200).astype(request.param) * (top // 255)).astype(request.param)
    alpha = np.clip(np.linspace(-1, 3, 200), 0, 1) * top
    return colours, np.broadcast_to(np.rint(alpha), (150, 200)).astype(request.param)


@pytest.fixture
def write_rgba(write_scene):
    """Write colours and alpha, the colours multiplied by it or not, under a declaration; returns the path."""

    def write(image, *, declared, multiplied):
        colours, alpha = image
        if multiplied:
            colours = np.rint(colours * (alpha / np.iinfo(alpha.dtype).max)).astype(alpha.dtype)
        return write_scene(np.concatenate([colours, alpha[None]]), photometric="rgb", alpha=declared)

    return write


def read(path):
    """Pixels as a prediction reads them, band by band, and their validity."""
    with opened(str(path), overviews=True) as dataset:
        pixels, valid = read_pixels(dataset, (1, 2, 3), validity_of(name_bands(dataset)), WHOLE)
        return np.moveaxis(pixels, -1, 0), valid


def assert_restored(found, image):
    """Colours are those before they were multiplied, as far as the rounding of the product allows."""
    colours, alpha = image
    top = np.iinfo(alpha.dtype).max
    shown = alpha > 0
    error = np.abs(found.astype(float) - colours)[:, shown]
    assert (error <= 0.5 * top / alpha[shown] + 0.5).all()
    np.testing.assert_array_equal(found[:, alpha == top], colours[:, alpha == top])


def test_colours_are_divided_by_their_alpha(write_rgba, image):
    """Half-transparent pixels are not darker than opaque ones; clear ones have no data."""
    found, valid = read(write_rgba(image, declared="premultiplied", multiplied=True))
    assert_restored(found, image)
    np.testing.assert_array_equal(valid, image[1] > 0)


@pytest.mark.parametrize("declared", ["non-premultiplied", "premultiplied"])
def test_colours_that_are_not_multiplied_stay(write_rgba, image, declared):
    """Without the declaration, and where pixels contradict it, colours are what the file holds."""
    found, valid = read(write_rgba(image, declared=declared, multiplied=False))
    np.testing.assert_array_equal(found, np.where(valid, image[0], 0))


def test_behind_a_vrt(write_rgba, image, tmp_path):
    """A VRT of such a file does not say so itself."""
    path = write_rgba(image, declared="premultiplied", multiplied=True)
    rasterio.shutil.copy(path, tmp_path / "scene.vrt", driver="VRT")
    found, _ = read(tmp_path / "scene.vrt")
    assert_restored(found, image)


def test_a_sample_is_of_the_same_colours(write_rgba, image):
    """Stretches are measured on the colours that the network sees."""
    path = write_rgba(image, declared="premultiplied", multiplied=True)
    with opened(str(path), overviews=True) as dataset:
        found, valid = validity_of(name_bands(dataset)).sample(dataset, (1, 2, 3))
    expected, known = read(path)
    np.testing.assert_array_equal(valid, known)
    np.testing.assert_array_equal(np.where(valid, found, 0), expected)


def test_resized(write_rgba, image, tmp_path):
    """A copy of another resolution holds plain colours: its own alpha does not say that they are multiplied."""
    resized = resize(write_rgba(image, declared="premultiplied", multiplied=True), tmp_path / "out.tif", scale=1)
    found, _ = read(resized)
    assert_restored(found, image)
