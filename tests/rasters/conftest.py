"""A web server on loopback, and little patience with it; rasters, and small blocks to resize them in."""

import numpy as np
import pytest
import rasterio
import tifffile
from web_server import serving

from geoseg.rasters import resize


@pytest.fixture
def impatient(monkeypatch):
    """Give a silent server up after a second, and try again at once."""
    monkeypatch.setenv("GDAL_HTTP_LOW_SPEED_TIME", "1")
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")


@pytest.fixture
def server(tmp_path):
    """Serve the files of the test's folder."""
    with serving(tmp_path) as state:
        yield state


@pytest.fixture
def lists_last():
    """Move the lists of a GeoTIFF's blocks to its end, where other programs write them; returns their bytes."""

    def move(path):
        content = path.read_bytes()
        begin = len(content)
        with tifffile.TiffFile(path) as tiff:
            size = tiff.tiff.offsetsize
            for name in ("TileByteCounts", "StripByteCounts", "TileOffsets", "StripOffsets"):
                tag = tiff.pages.first.tags.get(name)
                if tag is not None:
                    value = tag.offset + (12 if size == 8 else 8)
                    place = len(content).to_bytes(size, "little")
                    values = content[tag.valueoffset : tag.valueoffset + tag.valuebytecount]
                    content = content[:value] + place + content[value + size :] + values
        path.write_bytes(content)
        return len(content) - begin

    return move


@pytest.fixture
def small_blocks(monkeypatch):
    """Resize scenes of a few hundred pixels in many blocks, as large ones are."""
    monkeypatch.setattr(resize, "BLOCK_PIXELS", 64 * 64)


@pytest.fixture
def make_raster(tmp_path):
    """Write a raster and return its path."""

    def write(values, name="scene.tif", mask=None, **profile):
        values = np.asarray(values)
        profile = {
            "driver": "GTiff",
            "dtype": values.dtype,
            "tiled": True,
            "blockxsize": 64,
            "blockysize": 64,
        } | profile
        count, height, width = values.shape
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(tmp_path / name, "w", count=count, height=height, width=width, **profile) as written,
        ):
            written.write(values)
            if mask is not None:
                written.write_mask(mask)
        return tmp_path / name

    return write
