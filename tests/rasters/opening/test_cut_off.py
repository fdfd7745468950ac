"""A raster whose end is missing is refused, whatever was there."""

import tarfile
import tracemalloc
from contextlib import ExitStack, nullcontext
from zipfile import ZipFile

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import tifffile
from rasterio.errors import RasterioError

from geoseg.errors import SceneError
from geoseg.rasters.opening.cut_off import refuse_cut_off
from geoseg.rasters.opening.open import opened, unplaced

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


@pytest.mark.parametrize("before", [b"", b"<!--" + 70_000 * b" " + b"-->"])
def test_large_metadata_beside_a_raster(write, tmp_path, before):
    """Of a large sidecar, the beginning and the end are read, and no more, unless the first tag comes late."""
    path, sidecar = tmp_path / "whole.tif", tmp_path / "whole.tif.aux.xml"
    write()
    with opened(str(path)) as raster:
        for end, whole in ((b"</PAMDataset>\n", True), (b"</PAMDataset", False)):
            with sidecar.open("wb") as file:
                file.write(before + b"<PAMDataset>\n")
                file.seek(2**26 if not before else 2**20)
                file.write(end)
            tracemalloc.start()
            with nullcontext() if whole else pytest.raises(SceneError, match=r"whole\.tif\.aux\.xml, which"):
                refuse_cut_off(str(path), raster, [])
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 8e6
        sidecar.unlink()


def test_masks_beside_a_raster(write, tmp_path):
    """Nor is an empty mask a mask of valid pixels."""
    write()
    (tmp_path / "whole.tif.msk").touch()
    with (
        pytest.raises(SceneError, match=r"whole\.tif\.msk, which belongs to whole\.tif, is cut off; copy it again"),
        opened(str(tmp_path / "whole.tif")),
    ):
        pass


def read(source):
    """Read all pixels of a raster."""
    with unplaced(), opened(str(source)) as raster:
        return raster.read()


@pytest.fixture
def pictures(write, tmp_path):
    """Write a PNG and a JPEG of the same name."""
    content, _ = write()
    (tmp_path / "part.tif").write_bytes(content)
    for driver, ending in (("PNG", "png"), ("JPEG", "jpg")):
        rasterio.shutil.copy(tmp_path / "part.tif", tmp_path / f"scene.{ending}", driver=driver)


@pytest.mark.usefixtures("impatient", "pictures")
@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("mosaic", [False, True])
def test_pictures_on_a_server(server, tmp_path, ending, mosaic):
    """A PNG or JPEG that is cut off on a server is read as an error, not as a picture with made-up rows."""
    path = tmp_path / f"scene.{ending}"
    content = path.read_bytes()
    for number, kept in enumerate((len(content), len(content) - 40, len(content) // 2)):
        name = f"{number}.{ending}"
        (tmp_path / name).write_bytes(content[:kept])
        (tmp_path / f"{name}.aux.xml").write_bytes(path.with_name(f"{path.name}.aux.xml").read_bytes())
        source = server.url(name)
        if mosaic:
            rasterio.shutil.copy(f"/vsicurl/{source}", tmp_path / f"{number}.vrt", driver="VRT")
            source = str(tmp_path / f"{number}.vrt")
        server.asked()
        if number == 0:
            assert read(source).any(axis=(0, 2)).all()
            fetched = sum(each.length for each in server.asked() if each.path == name)
            assert fetched <= len(content) + 40_000  # once, and the first blocks of GDAL's
        else:
            with pytest.raises(SceneError, match=r"cut off or damaged"):
                read(source)


@pytest.mark.usefixtures("impatient", "pictures")
def test_a_connection_that_breaks(server, tmp_path, monkeypatch):
    """Nor are rows made up of a PNG whose server fails."""
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "0")
    with ExitStack() as stack:
        stack.enter_context(unplaced())
        raster = stack.enter_context(opened(server.url("scene.png")))
        server.behave(codes=[503] * 999)
        with pytest.raises(RasterioError, match="Read failed"):
            raster.read()


@pytest.mark.usefixtures("pictures")
def test_a_picture_in_an_archive(tmp_path):
    """Nor of one that was cut off before it was archived."""
    path = tmp_path / "scene.png"
    path.write_bytes(path.read_bytes()[:-1000])
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(path, path.name)
    with pytest.raises(SceneError, match="cannot be read as a raster"):
        read(f"/vsitar/{tmp_path}/all.tar/scene.png")


@pytest.fixture(params=["ENVI", "HFA"])
def raw(request, write, tmp_path):
    """Write `whole.img` and `cut.img`, whose pixels are stored as they are, and both in two archives."""
    content, _ = write()
    (tmp_path / "part.tif").write_bytes(content)
    for stem in ("whole", "cut"):
        options = {"USE_SPILL": "YES"} if request.param == "HFA" else {}
        rasterio.shutil.copy(tmp_path / "part.tif", tmp_path / f"{stem}.img", driver=request.param, **options)
    pixels = tmp_path / ("cut.img" if request.param == "ENVI" else "cut.ige")
    pixels.write_bytes(pixels.read_bytes()[:400_000])
    with ZipFile(tmp_path / "all.zip", "w") as zipped, tarfile.open(tmp_path / "all.tar", "w") as tar:
        for file in (*tmp_path.glob("whole.[!t]*"), *tmp_path.glob("cut.*")):
            zipped.write(file, file.name)
            tar.add(file, file.name)
    return pixels.name


@pytest.mark.usefixtures("impatient")
def test_raw_pixels_elsewhere(raw, server, tmp_path):
    """On a server or in an archive, too, pixels stored as they are must all be there."""
    for stem in ("whole", "cut"):
        served = server.url(f"{stem}.img")
        rasterio.shutil.copy(f"/vsicurl/{served}", tmp_path / f"{stem}.vrt", driver="VRT")
        for source in (served, tmp_path / f"{stem}.vrt", f"/vsizip/{tmp_path}/all.zip/{stem}.img"):
            if stem == "whole":
                assert read(source).shape == SHAPE
            else:
                with pytest.raises(SceneError, match=rf"is cut off: {raw} has 400000 of at least"):
                    read(source)
        with pytest.raises(SceneError, match=r"the length of that file is unknown; copy it to this machine"):
            read(f"/vsitar/{tmp_path}/all.tar/{stem}.img")


def test_masks_at_the_end_of_a_file(tmp_path):
    """A GeoTIFF whose pixels are complete and whose mask is cut off is refused: GDAL takes all pixels for valid."""
    path = tmp_path / "scene.tif"
    profile = {"driver": "GTiff", "count": 1, "height": 90, "width": 80, "dtype": "uint8", "crs": "EPSG:32633"}
    place = rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", transform=place, **profile) as file:
        file.write(np.full((1, 90, 80), 7, np.uint8))
        file.write_mask(np.arange(90 * 80).reshape(90, 80) % 3 > 0)
    with tifffile.TiffFile(path) as file:
        directory = file.pages[1].offset
    with opened(str(path)) as raster:
        assert not raster.read_masks(1).all()
    path.write_bytes(path.read_bytes()[:directory])
    with rasterio.open(path) as raster:
        assert raster.read_masks(1).all()
        assert raster.read(1).min() == 7
    with (
        pytest.raises(SceneError, match=r"scene\.tif cannot be read as a raster: .*Failed to read directory"),
        opened(str(path)),
    ):
        pass
