"""Overviews that are made in parts are those that GDAL makes of the whole."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from geoseg.rasters import pyramid
from geoseg.rasters.pyramid import reduce, with_overviews
from geoseg.rasters.vrt_sources import SIDE

NODATA = 255
PLACE = rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)
COG = {"driver": "COG", "compress": "deflate", "blocksize": SIDE, "overview_resampling": "mode"}


@pytest.fixture
def mosaic(tmp_path):
    """Write blobs and gaps as pieces beside and below each other, and a VRT of them."""

    def write(height, width, high, wide):
        random = np.random.default_rng(height)
        values = random.integers(0, 5, (height // 9 + 1, width // 9 + 1), np.uint8).repeat(9, 0).repeat(9, 1)
        values = values[:height, :width].copy()
        values[random.random(values.shape) < 0.2] = 3
        values[random.random(values.shape) < 0.1] = NODATA
        values[height // 3 : height // 2, : width // 2] = NODATA
        sources = ""
        for top in range(0, height, high):
            for left in range(0, width, wide):
                part = values[top : top + high, left : left + wide]
                rows, cols = part.shape
                name = f"piece_{top}_{left}.tif"
                profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": rows, "width": cols}
                profile |= {"nodata": NODATA, "transform": PLACE}
                with rasterio.open(tmp_path / name, "w", **profile) as piece:
                    piece.write(part, 1)
                sources += (
                    f"<SimpleSource><SourceFilename relativeToVRT='1'>{name}</SourceFilename><SourceBand>1</SourceBand>"
                    f"<SrcRect xOff='0' yOff='0' xSize='{cols}' ySize='{rows}'/>"
                    f"<DstRect xOff='{left}' yOff='{top}' xSize='{cols}' ySize='{rows}'/></SimpleSource>"
                )
        path = tmp_path / "mosaic.vrt"
        path.write_text(
            f"<VRTDataset rasterXSize='{width}' rasterYSize='{height}'><SRS>EPSG:32633</SRS>"
            "<GeoTransform>500000, 1, 0, 5400000, 0, -1</GeoTransform><VRTRasterBand dataType='Byte' band='1'>"
            f"<NoDataValue>{NODATA}</NoDataValue>{sources}</VRTRasterBand></VRTDataset>"
        )
        return path

    return write


@pytest.mark.parametrize(
    ("height", "width", "high", "wide"), [(3000, 2048, 384, 1024), (2501, 1801, 384, 900), (2099, 3001, 500, 3001)]
)
def test_made_in_parts(mosaic, tmp_path, monkeypatch, height, width, high, wide):
    """The COG of a VRT with overviews made in parts, by several threads, has the bytes of the COG of the VRT itself."""
    monkeypatch.setattr(pyramid, "PART", 2**20)
    vrt, parts = mosaic(height, width, high, wide), []
    rasterio.shutil.copy(vrt, tmp_path / "expected.tif", **COG)
    (tmp_path / "work").mkdir()
    with ThreadPoolExecutor(3) as pool:

        def make(level):
            parts.append(len(level))
            return pool.map(reduce, level)

        shown = with_overviews(vrt, tmp_path / "work", "mode", make=make)[0].vrt
    assert parts[0] > 1
    rasterio.shutil.copy(shown, tmp_path / "found.tif", **COG)
    assert (tmp_path / "found.tif").read_bytes() == (tmp_path / "expected.tif").read_bytes()
