"""What files say in a way that rasterio does not expect is no traceback."""

import h5py
import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp
from web_server import serving

import geoseg
from geoseg.batch.batch import batch
from geoseg.errors import SceneError
from geoseg.models.bundle import Scaling
from geoseg.rasters.bands.identify import name_bands
from geoseg.rasters.classes.labels import to_codes
from geoseg.rasters.opening.open import opened, unplaced
from geoseg.rasters.read import colormap_of, scaled
from geoseg.rasters.scene import open_scene, raster_of


@pytest.fixture
def scene(write_scene, noise):
    return write_scene(noise(40, 50))


@pytest.fixture
def vrt(scene, tmp_path):
    """Return a function that puts text into a VRT of the scene, after its first line."""

    def write(text, *, without=""):
        path = tmp_path / "scene.vrt"
        rasterio.shutil.copy(scene, path, driver="VRT")
        first, *lines = path.read_text().splitlines()
        kept = [line for line in lines if not without or without not in line]
        path.write_text("\n".join([first, text, *kept]))
        return path

    return write


def test_band_names_in_another_encoding(scene, tmp_path):
    """Names of an ENVI header in Latin-1 are not read; its wavelengths are."""
    path = tmp_path / "scene.img"
    rasterio.shutil.copy(scene, path, driver="ENVI")
    header = path.with_suffix(".hdr")
    text = header.read_bytes().decode("ascii")
    start = text.index("band names")
    text = text[:start] + "wavelength units = Micrometers\nwavelength = {0.65, 0.55, 0.45}\n"
    header.write_bytes(text.encode("latin-1") + "band names = {\n0.65 µm,\n0.55 µm,\n0.45 µm}\n".encode("latin-1"))
    with opened(str(path), overviews=True) as raster:
        assert [band.name for band in name_bands(raster)] == ["red", "green", "blue"]
    assert geoseg.describe(path, devices="cpu")["model_bands"] == {"red": 1, "green": 2, "blue": 3}


@pytest.mark.parametrize("items", ['<MDI key="LINE_OFF">1</MDI>', '<MDI key="LINE_OFF">north</MDI>'])
def test_incomplete_polynomials(vrt, tmp_path, items):
    """Rational polynomials of which some are missing are none."""
    path = vrt(f'<Metadata domain="RPC">{items}</Metadata>', without="<SRS")
    with pytest.raises(SceneError, match=r"scene\.vrt has no (CRS|georeference)"), unplaced():
        open_scene(path)
    geoseg.resize(path, tmp_path / "half.tif", scale=0.5)


def test_palette_without_colours(vrt, scene, tmp_path):
    """A band that is called a palette may have no table: it has no colours to decode, and none to copy."""
    path = vrt("")
    path.write_text(path.read_text().replace("<ColorInterp>Red<", "<ColorInterp>Palette<"))
    with opened(str(path), overviews=True) as raster:
        assert raster.colorinterp[0] == ColorInterp.palette
        assert colormap_of(raster, 1) == {}
        with pytest.raises(SceneError, match="is declared a palette image but has no colour table"):
            to_codes(raster, raster.read([1]), coloured=True)
    geoseg.resize(path, tmp_path / "half.tif", scale=0.5, labels=True)


def test_tags_named_as_arguments(scene, tmp_path):
    """Tags may have any name."""
    path = tmp_path / "tagged.tif"
    rasterio.shutil.copy(scene, path, driver="GTiff")
    text = '<Metadata><MDI key="bidx">7</MDI><MDI key="ns">x</MDI><MDI key="mine">kept</MDI></Metadata>'
    (tmp_path / "tagged.tif.aux.xml").write_text(
        f'<PAMDataset>{text}<PAMRasterBand band="1">{text}</PAMRasterBand></PAMDataset>'
    )
    geoseg.resize(path, tmp_path / "half.tif", scale=0.5)
    with rasterio.open(tmp_path / "half.tif") as raster:
        assert raster.tags()["mine"] == raster.tags(1)["mine"] == "kept"


def test_files_of_parts(scene, tmp_path):
    """A file of several rasters is refused by whatever opens it, with how to name one of them."""
    path = tmp_path / "parts.h5"
    with h5py.File(path, "w") as file:
        file["a"] = file["b"] = np.ones((40, 50), np.uint8)
    advice = r"parts\.h5 has no bands of its own; name one of its 2 subdatasets, such as .*parts\.h5.*a\.$"
    for use in (
        lambda: open_scene(path),
        lambda: geoseg.describe(scene, devices="cpu", stretch_from=path),
        lambda: geoseg.evaluate(path, scene),
        lambda: geoseg.resize(path, tmp_path / "half.tif", scale=0.5),
    ):
        with pytest.raises(SceneError, match=advice):
            use()


@pytest.mark.parametrize("name", ["https://[host]/scene.tif", "s3://[bucket/scene.tif", "scene\0.tif"])
def test_names_that_are_none(tmp_path, name):
    """A name that is neither a file nor a URL is refused in a sentence."""
    for use in (open_scene, lambda source: geoseg.resize(source, tmp_path / "half.tif", scale=0.5)):
        with pytest.raises(SceneError, match="is neither a file nor a URL"):
            use(name)


def test_bands_of_several_types(vrt):
    """A raster whose bands differ in data type is not described, since it could not be read."""
    path = vrt("")
    path.write_text(path.read_text().replace('dataType="Byte" band="2"', 'dataType="UInt16" band="2"'))
    with opened(str(path), overviews=True) as raster, pytest.raises(SceneError, match=r"\(uint8, uint16, uint8\)"):
        raster_of(str(path), raster)


def test_negatives(write_scene, noise):
    """A scan whose white is 0 is refused, with the command that inverts it."""
    path = write_scene(noise(40, 50)[:1], photometric="MINISWHITE")
    with pytest.raises(SceneError, match=r"stores white as 0 \(MINISWHITE\); invert it first"):
        geoseg.describe(path, devices="cpu", bands=(1, 1, 1))


def test_what_is_no_number_reaches_no_network():
    """A filter that meets the fill values of Esri gives NaN."""
    with np.errstate(invalid="ignore"):
        values = np.array([[1.0, np.float32(np.inf) - np.float32(np.inf)]], np.float32)
    np.testing.assert_array_equal(scaled(values, (Scaling(), Scaling())), [[1, 0]])


def test_secrets_in_a_manifest(scene, write_bundle, echo, tmp_path):
    """Neither signature nor password of a scene that failed is kept."""
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as server:
        url = server.url("missing.tif?X-Amz-Signature=SECRET")
        batch([url], folder=tmp_path / "maps", model=write_bundle(), load=echo)
    for path in (tmp_path / "maps").iterdir():
        assert b"SECRET" not in path.read_bytes()
    assert "missing.tif" in (tmp_path / "maps" / "manifest.jsonl").read_text()
