"""A raster and its overviews that are made in parts are those that GDAL makes of the whole."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import tifffile
from cogs import pixels_of, tags_of
from rio_cogeo.cogeo import cog_validate

from geoseg.rasters import cog, levels
from geoseg.rasters.cog import join_cog, without_pixels
from geoseg.rasters.levels import make_levels, make_part
from geoseg.rasters.sources.vrt_sources import SIDE

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
    ("height", "width", "high", "wide"),
    [
        (3000, 2048, 384, 1024),
        (2501, 1801, 384, 900),
        (2099, 3001, 500, 3001),
        (9000, 70, 384, 70),
        (30, 9000, 30, 900),
    ],
)
def test_made_in_parts(mosaic, tmp_path, monkeypatch, height, width, high, wide):
    """Pixels of all levels are those of GDAL's copy; where parts end, and who makes them, changes no byte."""
    vrt = mosaic(height, width, high, wide)
    rasterio.shutil.copy(vrt, tmp_path / "expected.tif", **COG)
    write(vrt, tmp_path / "one.tif")
    monkeypatch.setattr(levels, "PART", 2**18)
    parts = []
    with ThreadPoolExecutor(3) as pool:

        def make(level):
            parts.append(len(level))
            return pool.map(make_part, level)

        write(vrt, tmp_path / "several.tif", make=make)
    assert max(parts) > 1 or height <= SIDE
    assert (tmp_path / "several.tif").read_bytes() == (tmp_path / "one.tif").read_bytes()
    for found, expected in zip(*map(pixels_of, (tmp_path / "one.tif", tmp_path / "expected.tif")), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("most", "big"), [(2**31, False), (0, True)])
def test_forms(mosaic, tmp_path, monkeypatch, most, big):
    """A TIFF, or if it would be too large a BigTIFF, of all blocks, is a COG with the tags of GDAL's."""
    monkeypatch.setattr(cog, "_LARGEST_CLASSIC", most)
    vrt = mosaic(2600, 1500, 384, 900)
    rasterio.shutil.copy(vrt, tmp_path / "expected.tif", **COG, bigtiff="yes" if big else "no")
    write(vrt, tmp_path / "found.tif")
    with tifffile.TiffFile(tmp_path / "expected.tif") as tiff, tifffile.TiffFile(tmp_path / "found.tif") as found:
        assert found.is_bigtiff == big
        assert [tags_of(page) for page in found.pages] == [tags_of(page) for page in tiff.pages]
        assert all(page.dataoffsets and all(page.databytecounts) for page in found.pages)
    assert cog_validate(tmp_path / "found.tif", strict=True, quiet=True) == (True, [], [])
    with rasterio.open(tmp_path / "found.tif") as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def write(vrt, target, **choices):
    """Write a COG by way of a folder for its parts."""
    folder = target.with_suffix("")
    folder.mkdir()
    join_cog(make_levels(vrt, folder, "mode", **choices), folder, without_pixels(vrt, folder), target, sparse=False)
