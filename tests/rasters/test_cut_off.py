"""A raster whose end is missing is refused, whatever was there."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from geoseg.errors import SceneError
from geoseg.rasters.open import opened, unplaced

SHAPE = (3, 300, 700)


@pytest.fixture
def write(tmp_path, lists_last):
    """Write a file that ends with where its blocks are; returns its bytes, and how many of them say so."""
    path = tmp_path / "whole.tif"
    pixels = np.random.default_rng(0).integers(0, 3, SHAPE, np.uint8)
    profile = {"driver": "GTiff", "count": SHAPE[0], "height": SHAPE[1], "width": SHAPE[2], "dtype": "uint8"}
    profile |= {"crs": "EPSG:32633", "transform": rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000), "nodata": 0}

    def made(**options):
        with rasterio.open(path, "w", **profile, **options) as file:
            file.write(pixels)
        places = lists_last(path)
        return path.read_bytes(), places

    return made


@pytest.mark.parametrize("bigtiff", ["no", "yes"])
@pytest.mark.parametrize("compress", ["none", "packbits", "deflate"])
@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("blocks", [{"tiled": True, "blockxsize": 16, "blockysize": 16}, {"blockysize": 1}])
def test_places_of_blocks(write, tmp_path, blocks, interleave, compress, bigtiff):
    """GDAL takes the first bytes of a file for blocks of which it cannot read where they are."""
    content, places = write(**blocks, interleave=interleave, compress=compress, bigtiff=bigtiff)
    path = tmp_path / "cut.tif"
    path.write_bytes(content)
    with opened(str(path)) as raster:
        assert raster.read().shape == SHAPE
    for missing in (1, 4, places // 5, places // 2, places, places + 9):
        path.write_bytes(content[:-missing])
        with pytest.raises(SceneError, match=r"is cut off|cannot be read as a raster"), opened(str(path)) as raster:
            raster.read()


@pytest.mark.parametrize("sidecar", [False, True])
def test_part_of_a_mosaic(write, tmp_path, sidecar):
    """So is a file that a VRT shows, whether or not it has a sidecar."""
    content, places = write(tiled=True, blockxsize=16, blockysize=16)
    (tmp_path / "part.tif").write_bytes(content)
    if sidecar:
        (tmp_path / "part.tif.aux.xml").write_text("<PAMDataset/>")
    rasterio.shutil.copy(tmp_path / "part.tif", tmp_path / "mosaic.vrt", driver="VRT")
    with opened(str(tmp_path / "mosaic.vrt")) as raster:
        assert raster.read().shape == SHAPE
    (tmp_path / "part.tif").write_bytes(content[: -places // 3])
    with pytest.raises(SceneError, match=r"part\.tif is cut off"), opened(str(tmp_path / "mosaic.vrt")):
        pass


@pytest.mark.parametrize("interleave", ["BSQ", "BIL", "BIP"])
def test_envi(write, tmp_path, interleave):
    """GDAL takes what is missing of ENVI's pixels for zeros, also behind a VRT."""
    content, _ = write()
    (tmp_path / "part.tif").write_bytes(content)
    path = tmp_path / "scene.img"
    rasterio.shutil.copy(tmp_path / "part.tif", path, driver="ENVI", INTERLEAVE=interleave)
    rasterio.shutil.copy(path, tmp_path / "mosaic.vrt", driver="VRT")
    for name in ("scene.img", "mosaic.vrt"):
        with opened(str(tmp_path / name)) as raster:
            assert raster.read().shape == SHAPE
    path.write_bytes(path.read_bytes()[:-1])
    for name in ("scene.img", "mosaic.vrt"):
        with (
            pytest.raises(SceneError, match=r"scene\.img is cut off: scene\.img has 629999 of at least 630000 bytes"),
            opened(str(tmp_path / name)),
        ):
            pass


def test_erdas(write, tmp_path):
    """Likewise of the pixels that ERDAS keeps in a file of their own."""
    content, _ = write()
    (tmp_path / "part.tif").write_bytes(content)
    path = tmp_path / "scene.img"
    rasterio.shutil.copy(tmp_path / "part.tif", path, driver="HFA", USE_SPILL="YES")
    with opened(str(path)) as raster:
        assert raster.read().shape == SHAPE
    spill = tmp_path / "scene.ige"
    spill.write_bytes(spill.read_bytes()[:400_000])
    with (
        pytest.raises(SceneError, match=r"scene\.img is cut off: scene\.ige has 400000 of at least"),
        opened(str(path)),
    ):
        pass


def test_raw_bands(tmp_path):
    """Likewise of bytes that a VRT takes for pixels."""
    (tmp_path / "pixels.bin").write_bytes(bytes(range(100)))
    text = (
        '<VRTDataset rasterXSize="10" rasterYSize="{}"><VRTRasterBand dataType="UInt16" band="1" '
        'subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="1">pixels.bin</SourceFilename>'
        "<ImageOffset>20</ImageOffset><PixelOffset>4</PixelOffset><LineOffset>40</LineOffset></VRTRasterBand></VRTDataset>"
    )
    path = tmp_path / "scene.vrt"
    path.write_text(text.format(2))
    with unplaced(), opened(str(path)) as raster:
        assert raster.read(1)[1, 9] == 96 + 97 * 256
    path.write_text(text.format(3))
    with pytest.raises(SceneError, match=r"pixels\.bin, which .*scene\.vrt names, is cut off"), opened(str(path)):
        pass


def test_metadata_beside_a_raster(write, tmp_path):
    """GDAL ignores a sidecar that is cut off, and with it nodata values; its last line break may be missing."""
    path, sidecar = tmp_path / "whole.tif", tmp_path / "whole.tif.aux.xml"
    write()
    band = '<PAMRasterBand band="1"><NoDataValue>0</NoDataValue></PAMRasterBand>'
    content = f"<?xml version='1.0'?>\n<PAMDataset><Metadata/>{band}</PAMDataset>"
    for whole in (content, f"{content}\n", "<PAMDataset/>"):
        sidecar.write_text(whole)
        with opened(str(path)) as raster:
            assert raster.count == SHAPE[0]
    rasterio.shutil.copy(path, tmp_path / "mosaic.vrt", driver="VRT")
    for end in (0, 1, 30, 55, len(content) // 2, content.rindex("</"), len(content) - 1):
        sidecar.write_text(content[:end])
        for source in (path, tmp_path / "mosaic.vrt"):
            with pytest.raises(SceneError, match=r"whole\.tif\.aux\.xml, which .* is cut off"), opened(str(source)):
                pass


def test_masks_beside_a_raster(write, tmp_path):
    """Nor is an empty mask a mask of valid pixels."""
    write()
    (tmp_path / "whole.tif.msk").touch()
    with (
        pytest.raises(SceneError, match=r"whole\.tif\.msk, which belongs to whole\.tif, is cut off; copy it again"),
        opened(str(tmp_path / "whole.tif")),
    ):
        pass
