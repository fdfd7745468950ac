"""Rasters of too many pixels, and of formats with surprises, are refused before anything is read."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from click.testing import CliRunner
from PIL import ExifTags, Image
from standins import warned

import geoseg
from geoseg.cli import main
from geoseg.errors import SceneError, UsageError
from geoseg.rasters.opening.open import opened, unplaced
from geoseg.rasters.sources import allowed
from geoseg.rasters.sources.allowed import DRIVERS, MAX_PIXELS

PLACE = rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)


@pytest.fixture
def bomb(tmp_path):
    """A small file of 1.1 million pixels along each side."""
    path = tmp_path / "bomb.tif"
    shape = {"width": 1_100_000, "height": 1_100_000, "count": 3, "dtype": "uint8", "photometric": "rgb"}
    blocks = {"tiled": True, "blockxsize": 16384, "blockysize": 16384, "sparse_ok": True, "compress": "deflate"}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32633", transform=PLACE, **shape, **blocks):
        pass
    return path


def test_default(bomb):
    """By default, a raster has 10¹² pixels at most, whatever opens it."""
    assert MAX_PIXELS == 10**12
    assert bomb.stat().st_size < 1e6
    with pytest.raises(SceneError, match=r"1100000 × 1100000 = 1\.21e\+12 pixels, more than the limit of 1e\+12"):
        geoseg.predict(bomb)
    for command in (["info", bomb], ["resize", bomb, "out.tif", "--scale", "0.001"], ["roads", bomb, "-o", "o.gpkg"]):
        found = CliRunner().invoke(main, [str(word) for word in command])
        assert found.exit_code == 3
        assert "more than the limit of 1e+12" in found.output


@pytest.mark.parametrize(
    ("blocks", "found"),
    [
        (
            {"tiled": True, "blockxsize": 40_000, "blockysize": 40_000},
            "40000 × 40000 pixels, each of which unpacks",
        ),
        (
            {"blockysize": 20_000},
            "40000 × 20000 pixels, each of which unpacks to 2.4 GB at once, more than the limit of 1.1 GB",
        ),
    ],
    ids=["tile", "strip"],
)
def test_large_blocks(tmp_path, blocks, found):
    """A block, which GDAL unpacks whole, is refused before it is read if it is of more than a gigabyte."""
    path, shape = tmp_path / "blocks.tif", {"width": 40_000, "height": 40_000, "count": 3, "dtype": "uint8"}
    blocks |= {"sparse_ok": True, "compress": "deflate", "interleave": "pixel", "photometric": "rgb"}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32633", transform=PLACE, **shape, **blocks):
        pass
    for command in (["info", path], ["predict", path, "-o", tmp_path / "out"]):
        done = CliRunner().invoke(main, [str(word) for word in command])
        assert done.exit_code == 3, done.output
        assert found in done.output
        assert done.output.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_single_strip(write_scene, noise, monkeypatch):
    """A file of one strip, which GDAL reads row by row, has no blocks that are too large."""
    monkeypatch.setattr(allowed, "_MAX_BLOCK", 2**20)
    pixels = noise(3_000, 1_000)
    compressed = {"compress": "deflate", "zlevel": 1, "interleave": "pixel"}
    with opened(str(write_scene(pixels, blockysize=3_000, **compressed))) as dataset:
        np.testing.assert_array_equal(dataset.read(window=((2_990, 3_000), (0, 1_000))), pixels[:, 2_990:])
    with (
        pytest.raises(SceneError, match="1000 × 1500 pixels"),
        opened(str(write_scene(pixels, blockysize=1_500, **compressed))),
    ):
        pass


def test_option(write_scene, noise, write_bundle, echo, tmp_path, monkeypatch):
    """`max_pixels` lowers and raises the limit: of the scene, and of the grid to predict it on."""
    scene, model = write_scene(noise(40, 50)), write_bundle()
    with pytest.raises(SceneError, match="has 50 × 40 = 2e"):
        geoseg.predict(scene, model=model, folder=tmp_path, load=echo, max_pixels=1999)
    geoseg.predict(scene, model=model, folder=tmp_path, load=echo, max_pixels=2000)
    with monkeypatch.context() as lowered:
        lowered.setenv("GEOSEG_MAX_PIXELS", "1999")
        alike = {"stretch_from": scene, "max_pixels": 2000, "overwrite": True, "report": True}
        geoseg.predict(scene, model=model, folder=tmp_path, load=echo, **alike)
    with pytest.raises(SceneError, match="would be predicted at 100 × 80 = 8e"):
        geoseg.predict(scene, model=model, folder=tmp_path / "fine", load=echo, gsd_m=0.5, max_pixels=2000)
    found = CliRunner().invoke(main, ["info", str(scene), "-m", str(model), "--max-pixels", "1999"])
    assert found.exit_code == 3
    assert "environment variable GEOSEG_MAX_PIXELS, or that of a prediction with --max-pixels." in found.output


def test_environment(write_scene, noise, monkeypatch):
    """GEOSEG_MAX_PIXELS holds wherever rasters are opened; what is no number is refused."""
    scene = str(write_scene(noise(40, 50)))
    monkeypatch.setenv("GEOSEG_MAX_PIXELS", "1.9e3")
    with pytest.raises(SceneError, match=r"limit of 1\.9e\+03"), opened(scene):
        pass
    with opened(scene, max_pixels=2000):
        pass
    monkeypatch.setenv("GEOSEG_MAX_PIXELS", "many")
    with pytest.raises(UsageError, match="GEOSEG_MAX_PIXELS must be a number of pixels, not 'many'"), opened(scene):
        pass


def test_option_without_sense():
    """A limit below one pixel is refused."""
    with pytest.raises(UsageError, match="`max_pixels` must be at least 1, got 0"):
        geoseg.predict("scene.tif", max_pixels=0)


@pytest.mark.parametrize(
    "text",
    [
        "<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1:9/${z}/${x}/${y}</ServerUrl></Service></GDAL_WMS>",
        "ncols 2\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2\n3 4\n",
        "0 0 1\n1 0 2\n0 1 3\n1 1 4\n",
        "<WCS_GDAL><ServiceURL>http://127.0.0.1:9/</ServiceURL></WCS_GDAL>",
    ],
)
def test_formats_that_are_not_opened(tmp_path, text):
    """A format that asks servers, or that any text may be, is refused with the remedy."""
    path = tmp_path / "scene.tif"
    path.write_text(text)
    with pytest.raises(SceneError, match=r"format that geoseg opens; convert it \(`gdal_translate IN OUT.tif`\)"):
        geoseg.predict(path)


@pytest.mark.parametrize("name", ["roads.geojson", "ROADS.SHP", "areas.parquet"])
def test_vector_files(tmp_path, name):
    """A vector file in place of a raster is called one, not a raster to convert."""
    path = tmp_path / name
    path.write_bytes(b'{"type": "FeatureCollection", "features": []}')
    with (
        pytest.raises(SceneError, match=rf"{name} cannot be read as a raster: it is a vector file\.$"),
        opened(str(path)),
    ):
        pass


@pytest.mark.parametrize("source", ["WMS:http://127.0.0.1:9/?", "DERIVED_SUBDATASET:AMPLITUDE:{}", "MEM:::X=1"])
def test_names_that_are_not_opened(write_scene, noise, source):
    """Names for drivers that compute or fetch are no rasters."""
    scene = write_scene(noise(8, 8).astype(np.uint8))
    with pytest.raises(SceneError), unplaced(), opened(source.format(scene)):
        pass


def test_drivers():
    """No driver of the list asks a server of its own accord, reads memory, or derives rasters."""
    surprising = ("WMS", "WMTS", "WCS", "EEDA", "EEDAI", "HTTP", "PLMOSAIC", "DAAS", "MEM", "DERIVED", "MRF", "STACTA")
    assert not set(DRIVERS) & set(surprising)
    with rasterio.Env() as env:
        assert set(surprising) & set(env.drivers())


def test_images_after_the_first(write_scene, noise, tmp_path):
    """GDAL reads the first of several images in a TIFF: the others are not left out without a word."""
    scene, other = write_scene(noise(8, 8)), write_scene(noise(9, 7), "other.tif")
    with opened(str(scene)):
        pass
    rasterio.shutil.copy(other, scene, driver="GTiff", append_subdataset="YES")
    sentence = rf"scene\.tif holds 2 images, of which the first is read; for another, name it: GTIFF_DIR:2:{scene}\."
    with warned(sentence), opened(str(scene)) as raster:
        assert raster.shape == (8, 8)
    with opened(f"GTIFF_DIR:2:{scene}") as raster:
        assert raster.shape == (9, 7)


def test_photos_that_viewers_turn(tmp_path):
    """An EXIF orientation, which GDAL does not apply, is reported; the usual one is not."""
    image = Image.new("RGB", (12, 8), "red")
    tags = image.getexif()
    for orientation in (1, 6):
        tags[ExifTags.Base.Orientation] = orientation
        image.save(tmp_path / f"{orientation}.jpg", exif=tags)
    with unplaced(), opened(str(tmp_path / "1.jpg")):
        pass
    sentence = r"6\.jpg is read as it is stored, while photo viewers turn or mirror it \(its EXIF orientation is 6\)"
    with unplaced(), warned(sentence), opened(str(tmp_path / "6.jpg")) as raster:
        assert raster.shape == (8, 12)
