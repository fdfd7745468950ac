"""The sample of a raster's values depends on the raster alone, not on how it is stored or read."""

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import ColorInterp

from geoseg.rasters.missing_data.validity import Validity
from geoseg.rasters.sample import WINDOW, WINDOWS, sample_values, sample_windows
from geoseg.rasters.values import Unit

PLAIN = (Unit(),) * 3


@pytest.fixture
def ramps():
    """Pixels `(3, height, width)` of 11 bits that differ everywhere, without a value that is frequent."""

    def make(height, width):
        random = np.random.default_rng(height + width)
        return random.integers(1, 2048, (3, height, width)).astype(np.uint16)

    return make


@given(st.integers(1, 40_000), st.integers(1, 40_000))
def test_windows(height, width):
    """Windows are whole blocks of 64 pixels, spread over the raster; their number has a limit, whatever its size."""
    windows = sample_windows((height, width))
    assert len(windows) == len({(rows.start, cols.start) for rows, cols in windows})
    for size, spans in ((height, [rows for rows, _ in windows]), (width, [cols for _, cols in windows])):
        starts = sorted({span.start for span in spans})
        assert all(start % WINDOW == 0 for start in starts)
        assert all(span.stop == min(span.start + WINDOW, size) for span in spans)
        count = -(-size // WINDOW)
        assert len(starts) == min(count, WINDOWS)
        gaps = np.diff([-WINDOW, *starts, count * WINDOW])
        assert gaps.max() <= (count / WINDOWS + 1) * WINDOW


@pytest.mark.parametrize("shape", [(40, 50), (900, 130), (1000, 900)])
def test_any_storage(write_scene, ramps, shape):
    """Tiles, strips, interleaving and overviews of a file make no difference."""
    pixels = ramps(*shape)
    layouts = [
        {"blockysize": 1},
        {"blockysize": 7, "compress": "deflate", "interleave": "band"},
        {"tiled": True, "blockxsize": 48, "blockysize": 96, "interleave": "pixel"},
        {"tiled": True, "blockxsize": 256, "blockysize": 256},
    ]
    found = []
    for number, layout in enumerate(layouts):
        path = write_scene(pixels, f"{number}.tif", **layout)
        if number == 3:
            with rasterio.open(path, "r+") as scene:
                scene.build_overviews([2, 4])
        found.append(sample_values(str(path), (1, 2, 3), Validity(), PLAIN))
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
    if max(shape) <= WINDOW * WINDOWS:
        for band, values in zip(pixels, found[0], strict=True):
            np.testing.assert_array_equal(np.sort(values), np.sort(band.ravel()))


@pytest.mark.parametrize("kind", ["nodata", "mask", "alpha", "nan"])
def test_pixels_without_data_do_not_count(write_scene, ramps, kind):
    """Whatever a masked pixel holds, it is left out."""
    pixels, profile = ramps(100, 90), {}
    hole = np.zeros((100, 90), bool)
    hole[20:70, 20:80] = True
    pixels[:, hole] = 60_000
    match kind:
        case "nodata":
            profile["nodata"] = 60_000
        case "mask":
            profile["mask"] = ~hole
        case "alpha":
            pixels = np.concatenate([pixels, np.where(hole, 0, 65_535).astype(np.uint16)[None]])
            profile |= {"photometric": "rgb", "alpha": "yes"}
        case "nan":
            pixels = np.where(hole, np.nan, pixels).astype(np.float32)
    validity = Validity(alpha=4 if kind == "alpha" else None)
    found = sample_values(str(write_scene(pixels, **profile)), (1, 2, 3), validity, PLAIN)
    for band, values in zip(pixels, found, strict=False):
        np.testing.assert_array_equal(np.sort(values), np.sort(band[~hole]))


@pytest.mark.parametrize("fill", [0, -9999, 2047, 65_535])
def test_fill_and_saturation_do_not_count(write_scene, ramps, fill):
    """A value at either end that many pixels share, declared or not, is no measurement."""
    pixels = ramps(100, 90).astype(np.int32) % 1999 + 2
    pixels[:, :30] = fill
    found = sample_values(str(write_scene(pixels)), (1, 2, 3), Validity(), PLAIN)
    for values in found:
        assert fill not in values
        assert len(values) == 70 * 90


def test_declared_scale_and_offset(write_scene, ramps):
    """Values are those after scale and offset, of each band its own; bands come in the order given."""
    pixels = ramps(60, 50)
    units = (Unit(scale=1e-4, offset=-0.1), Unit(scale=2.0, offset=5.0))
    found = sample_values(str(write_scene(pixels)), (3, 1), Validity(), units)
    np.testing.assert_allclose(np.sort(found[0]), np.sort(pixels[2].ravel()) * 1e-4 - 0.1)
    np.testing.assert_allclose(np.sort(found[1]), np.sort(pixels[0].ravel()) * 2.0 + 5.0)


def test_nothing_to_sample(write_scene):
    """A scene without data has no values."""
    path = write_scene(np.zeros((3, 50, 50), np.uint16), nodata=0)
    with rasterio.open(path, "r+") as scene:
        scene.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    assert [len(values) for values in sample_values(str(path), (1, 2, 3), Validity(), PLAIN)] == [0, 0, 0]
