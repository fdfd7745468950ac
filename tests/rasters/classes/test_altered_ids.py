"""Class rasters whose ids were changed when they were stored are reported."""

import pytest
import rasterio.shutil
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from standins import write_mosaic

from geoseg.rasters.classes.altered_ids import find_alteration
from geoseg.rasters.opening.open import opened

STORED = {
    "jpeg.jpg": {"driver": "JPEG"},
    "jpeg.tif": {"compress": "jpeg"},
    "lossy.jp2": {"driver": "JP2OpenJPEG", "QUALITY": "20", "REVERSIBLE": "NO"},
    "lerc.tif": {"compress": "lerc", "MAX_Z_ERROR": "2"},
}
EXACT = {
    "deflate.tif": {"compress": "deflate"},
    "exact.png": {"driver": "PNG"},
    "exact.jp2": {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"},
    "lerc.tif": {"compress": "lerc", "MAX_Z_ERROR": "0"},
}


@pytest.fixture
def ids(write_ids, blobs):
    """Write a class raster with a palette."""
    return write_ids(blobs(64, 64), "ids.tif", colours={value: (value, 0, 0, 255) for value in range(5)})


def how(path):
    """How the ids of a raster were changed; None if they were not."""
    with opened(str(path)) as raster:
        found = find_alteration(raster)
        return found and found.how


def store(ids, name, options):
    """Store a class raster under another name; returns its path and whether ids have changed."""
    path = ids.with_name(name)
    rasterio.shutil.copy(ids, path, **options)
    with rasterio.open(ids) as before, rasterio.open(path) as after:
        return path, bool((before.read(1) != after.read(1)).any())


@pytest.mark.parametrize("name", STORED)
def test_compression_with_loss(write_ids, blobs, name):
    """Whatever changes ids is found, in a raster and in a file behind a VRT, or behind a VRT of that."""
    path, changed = store(write_ids(blobs(64, 64), "ids.tif"), name, STORED[name])
    assert changed
    assert how(path) == "compressed with loss"
    mosaic = path.with_name("mosaic.vrt")
    rasterio.shutil.copy(path, mosaic, driver="VRT")
    assert how(mosaic) == "compressed with loss"
    nested = path.with_name("nested.vrt")
    nested.write_text(mosaic.read_text().replace(path.name, mosaic.name))
    assert how(nested) == "compressed with loss"


@pytest.mark.parametrize("name", EXACT)
def test_compression_without_loss(write_ids, blobs, name):
    """The same formats without loss are silent."""
    path, changed = store(write_ids(blobs(64, 64), "ids.tif"), name, EXACT[name])
    assert not changed
    assert how(path) is None


@pytest.mark.parametrize("resampling", ["nearest", "mode", "bilinear", "Cubic", "lanczos"])
def test_a_vrt_that_resamples(ids, resampling):
    """A VRT that halves ids mixes them, unless it takes one of them; without a change of size, no method does."""
    with_loss = resampling in ("bilinear", "Cubic", "lanczos")
    mosaic = write_mosaic(ids.with_name("mosaic.vrt"), ids)
    text = mosaic.read_text().replace("<SimpleSource>", f'<SimpleSource resampling="{resampling}">')
    mosaic.write_text(text)
    assert how(mosaic) is None
    halved = text.replace('rasterXSize="64" rasterYSize="64"', 'rasterXSize="32" rasterYSize="32"')
    before, after = halved.split("<DstRect")
    mosaic.write_text(before + "<DstRect" + after.replace('xSize="64" ySize="64"', 'xSize="32" ySize="32"', 1))
    assert how(mosaic) == ("interpolated by a VRT" if with_loss else None)


@pytest.mark.parametrize("resampling", ["nearest", "cubic"])
def test_a_vrt_that_warps(ids, resampling):
    """A VRT that warps ids mixes them, unless by nearest pixel."""
    path = ids.with_name("warped.vrt")
    with (
        rasterio.open(ids) as raster,
        WarpedVRT(raster, crs="EPSG:32632", resampling=Resampling[resampling]) as warped,
    ):
        rasterio.shutil.copy(warped, path, driver="VRT")
    assert how(path) == ("interpolated by a VRT" if resampling == "cubic" else None)
