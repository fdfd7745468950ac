"""The COG of a mostly empty raster is the one that GDAL makes of all of it, without the empty blocks."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import tifffile
from cogs import pixels_of, tags_of
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

from geoseg.rasters.cog import join_cog, without_pixels
from geoseg.rasters.levels import make_levels
from geoseg.rasters.missing_data.sparse import find_written
from geoseg.rasters.sources.vrt_sources import SIDE

NODATA = 255
COG = {"driver": "COG", "compress": "deflate", "blocksize": SIDE}
PLACE = rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)


@pytest.fixture
def work_raster(tmp_path):
    """Write a sparse raster, some of whose blocks hold blobs, specks and gaps, and a VRT of it."""

    def write(height, width, bands, blocks, highest):
        path, random = tmp_path / "whole.tif", np.random.default_rng(height)
        profile = {"driver": "GTiff", "dtype": "uint8", "count": bands, "height": height, "width": width}
        profile |= {"tiled": True, "blockxsize": SIDE, "blockysize": SIDE, "interleave": "band", "nodata": NODATA}
        with rasterio.open(path, "w", sparse_ok=True, crs="EPSG:32633", transform=PLACE, **profile) as raster:
            for row, col in blocks:
                window = Window(col * SIDE, row * SIDE, min(SIDE, width - col * SIDE), min(SIDE, height - row * SIDE))
                values = random.integers(0, highest, (bands, SIDE // 8, SIDE // 8), np.uint8).repeat(8, 1).repeat(8, 2)
                values = values[:, : window.height, : window.width].copy()
                values[:, random.random(values.shape[1:]) < 0.3] = random.integers(highest)
                values[:, random.random(values.shape[1:]) < 0.1] = NODATA
                raster.write(values, window=window)
        place = "<GeoTransform>500000, 1, 0, 5400000, 0, -1</GeoTransform>"
        band = (
            "<VRTRasterBand dataType='Byte' band='{0}'><NoDataValue>255</NoDataValue><SimpleSource>"
            "<SourceFilename relativeToVRT='1'>whole.tif</SourceFilename><SourceBand>{0}</SourceBand>"
            "<SrcRect xOff='0' yOff='0' xSize='{1}' ySize='{2}'/><DstRect xOff='0' yOff='0' xSize='{1}' ySize='{2}'/>"
            "</SimpleSource></VRTRasterBand>"
        )
        all_bands = "".join(band.format(number + 1, width, height) for number in range(bands))
        vrt = path.with_suffix(".vrt")
        vrt.write_text(f"<VRTDataset rasterXSize='{width}' rasterYSize='{height}'>{place}{all_bands}</VRTDataset>")
        return vrt

    return write


def write_sparse(vrt, target, resampling, written):
    """Write a COG by way of a folder for its parts."""
    folder = target.parent / "parts"
    folder.mkdir()
    join_cog(
        make_levels(vrt, folder, resampling, written=written), folder, without_pixels(vrt, folder), target, sparse=True
    )


@pytest.mark.parametrize(("resampling", "bands", "highest", "near"), [("mode", 1, 5, 0), ("average", 3, 254, 1)])
@pytest.mark.parametrize(
    ("height", "width", "blocks"),
    [
        (2048, 2048, [(0, 0)]),
        (2501, 1801, [(1, 2), (4, 3), (4, 0)]),
        (700, 2500, [(0, 4), (1, 4)]),
        (300, 400, [(0, 0)]),
    ],
)
def test_as_gdal_makes_them(work_raster, tmp_path, resampling, bands, highest, near, height, width, blocks):
    """Sizes and pixels of all levels are those of GDAL's copy, odd sizes and empty edges included."""
    vrt = work_raster(height, width, bands, blocks, highest)
    written = find_written(vrt)
    assert set(zip(*np.nonzero(written), strict=True)) == set(blocks)
    rasterio.shutil.copy(vrt, tmp_path / "expected.tif", **COG, overview_resampling=resampling)
    write_sparse(vrt, tmp_path / "found.tif", resampling, written)
    expected, found = pixels_of(tmp_path / "expected.tif")[1:], pixels_of(tmp_path / "found.tif")[1:]
    assert [level.shape for level in found] == [level.shape for level in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one == NODATA, other == NODATA)
        np.testing.assert_allclose(one.astype(int), other.astype(int), rtol=0, atol=near)
    np.testing.assert_array_equal(*(rasterio.open(tmp_path / name).read() for name in ("found.tif", "expected.tif")))
    with rasterio.open(tmp_path / "found.tif") as raster:
        for (row, col), _ in raster.block_windows(1):
            held = raster.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=1) is not None
            assert held == written[row, col]
    assert cog_validate(tmp_path / "found.tif", strict=True, quiet=True) == (True, [], [])


DESCRIBED = (
    "<ColorInterp>Palette</ColorInterp><ColorTable><Entry c1='1' c2='2' c3='3' c4='255'/></ColorTable>"
    "<CategoryNames><Category>road</Category></CategoryNames>"
)


@pytest.mark.parametrize(
    ("bands", "description"),
    [(1, DESCRIBED), (1, "<ColorInterp>Gray</ColorInterp><Scale>0.25</Scale>"), (5, "<Description>road</Description>")],
)
def test_as_gdal_describes_them(work_raster, tmp_path, bands, description):
    """A file and its sidecar say of the raster, and of each overview, what GDAL's driver makes them say."""
    vrt = work_raster(1900, 2100, bands, [(1, 2)], 3)
    tags = "<MDI key='GEOSEG_TILE'>512 &amp; more</MDI><MDI key='TIFFTAG_SOFTWARE'>geoseg 1.0</MDI>"
    place = f"</GeoTransform><SRS>EPSG:32633</SRS><Metadata>{tags}</Metadata>"
    text = vrt.read_text().replace("</GeoTransform>", place)
    vrt.write_text(text.replace("</NoDataValue>", f"</NoDataValue>{description}"))
    options = {"sparse_ok": True, "overview_resampling": "mode"}
    rasterio.shutil.copy(vrt, tmp_path / "expected.tif", **COG, **options)
    (tmp_path / "work").mkdir()
    target = tmp_path / "work" / "found.tif"
    write_sparse(vrt, target, "mode", find_written(vrt))
    with tifffile.TiffFile(tmp_path / "expected.tif") as tiff, tifffile.TiffFile(target) as found:
        assert [tags_of(page) for page in found.pages] == [tags_of(page) for page in tiff.pages]
    described = []
    for path in (tmp_path / "expected.tif", target):
        with rasterio.open(path) as raster:
            described.append((raster.profile, raster.tags(), raster.tags(ns="IMAGE_STRUCTURE"), raster.scales))
        sidecar = path.with_name(f"{path.name}.aux.xml")
        described.append(sidecar.read_text() if sidecar.exists() else None)
    assert described[2:] == described[:2]
    assert {path.name for path in target.parent.glob("found*")} <= {"found.tif", "found.tif.aux.xml"}
