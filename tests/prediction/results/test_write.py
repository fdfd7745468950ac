"""What the files of a prediction are, to programs that know nothing of geoseg."""

import json
from dataclasses import dataclass, field
from xml.etree import ElementTree as Xml
from zipfile import ZipFile

import geopandas
import numpy as np
import pytest
import rasterio
import rasterio.shutil
import shapely
from processes import finish, stand_in
from rasterio.enums import ColorInterp, Resampling
from rio_cogeo.cogeo import cog_validate
from standins import InBlocks, load_echo, make_card
from web_server import serving

import geoseg
from geoseg.errors import OutputError
from geoseg.models.bundle import MEMBER
from geoseg.models.legend import AERIAL, NODATA, Legend, LegendClass
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.rasters.scene import open_scene

LAYERS = {"confidence": True, "disagreement": True, "probabilities": True}


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A scene of waves with a collar, more than two blocks wide and high, of odd sizes."""
    path = tmp_path_factory.mktemp("inputs") / "scene.tif"
    y, x = np.mgrid[:1101, :1235]
    pixels = np.stack([np.rint(60 * np.sin(x / (7 + band)) + 60 * np.cos(y / (9 - band)) + 125) for band in range(3)])
    pixels[:, :40] = 0
    profile = {"driver": "GTiff", "count": 3, "height": 1101, "width": 1235, "dtype": "uint8", "nodata": 0}
    place = rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000)
    with rasterio.open(path, "w", crs="EPSG:32633", transform=place, photometric="rgb", **profile) as raster:
        raster.write(pixels.astype(np.uint8))
        raster.update_tags(TIFFTAG_DATETIME="2024:07:01 10:00:00")  # else its STAC item has no date
    return path


@pytest.fixture(scope="module")
def made(scene, tmp_path_factory):
    """The prediction of the scene with all layers."""
    return predict(scene, tmp_path_factory.mktemp("maps"), **LAYERS)


def predict(scene, folder, **choices):
    folder.mkdir(exist_ok=True)
    model = folder / "stand-in.keras"
    write_model(model)
    return geoseg.predict(scene, model=model, folder=folder / "maps", load=load_echo, **choices)


def write_model(path):
    with ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, json.dumps(make_card().to_json()))


def test_cloud_optimized(made):
    """Every raster is a valid Cloud Optimized GeoTIFF by rio-cogeo's rules, in blocks of 512 pixels."""
    assert set(made.outputs.rasters) == {"classes", *LAYERS}
    for path in made.outputs.rasters.values():
        valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
        assert valid, (errors, warnings)
        with rasterio.open(path) as raster:
            assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert set(raster.block_shapes) == {(512, 512)}
            assert (set(raster.dtypes), set(raster.nodatavals)) == ({"uint8"}, {NODATA})


def test_overviews(made):
    """Overviews are the most frequent class, and means of all other layers, as GDAL resamples the level above."""
    for name, path in made.outputs.rasters.items():
        with rasterio.open(path, overview_level=0) as overview:
            found = overview.read()
        with rasterio.open(path, OVERVIEW_LEVEL="NONE") as raster:
            assert raster.shape == (1101, 1235)
            kind = Resampling.mode if name == "classes" else Resampling.average
            np.testing.assert_array_equal(found, raster.read(out_shape=found.shape, resampling=kind))


def test_values(made):
    """Classes have a palette; other layers are 0 to 1 by the scale 1/254, and probabilities sum to one."""
    rasters = made.outputs.rasters
    with rasterio.open(rasters["classes"]) as raster:
        assert raster.colorinterp == (ColorInterp.palette,)
        colours = raster.colormap(1)
        for number, entry in enumerate(AERIAL.classes):
            assert colours[number][:3] == tuple(bytes.fromhex(entry.colour[1:]))
        assert raster.scales == (1,)
    for name in LAYERS:
        with rasterio.open(rasters[name]) as raster:
            assert raster.scales == (1 / 254,) * raster.count
            assert raster.offsets == (0,) * raster.count
            assert raster.read(masked=True).max() * raster.scales[0] <= 1
    with rasterio.open(rasters["probabilities"]) as raster, rasterio.open(rasters["confidence"]) as highest:
        assert raster.descriptions == AERIAL.names
        np.testing.assert_array_equal(raster.read().max(axis=0), highest.read(1))


def test_class_names_are_in_the_sidecar(made, tmp_path):
    """GDAL reads the class names from the `.aux.xml` beside the class raster, and nowhere else."""

    def names():
        rasterio.shutil.copy(tmp_path / "classes.tif", tmp_path / "seen.vrt", driver="VRT")
        return [each.text for each in Xml.parse(tmp_path / "seen.vrt").iter("Category")]

    classes = made.outputs.classes
    (tmp_path / "classes.tif").write_bytes(classes.read_bytes())
    assert not names()
    beside = classes.with_name("scene_classes.tif.aux.xml")
    (tmp_path / "classes.tif.aux.xml").write_bytes(beside.read_bytes())
    assert names()[: len(AERIAL)] == list(AERIAL.names)


@pytest.mark.parametrize(("option", "value"), [("GDAL_PAM_ENABLED", "NO"), ("GDAL_TIFF_ENDIANNESS", "BIG")])
def test_options_of_gdal(scene, made, tmp_path, monkeypatch, option, value):
    """Results and the names of their classes are the same bytes whatever the environment says."""
    monkeypatch.setenv(option, value)
    with rasterio.Env():  # else rasterio keeps the environment's value for later tests
        again = predict(scene, tmp_path, roads=False, **LAYERS)
    for path in again.outputs.rasters.values():
        assert path.read_bytes() == (made.outputs.classes.parent / path.name).read_bytes()
    beside = [each.outputs.classes.with_name("scene_classes.tif.aux.xml") for each in (made, again)]
    assert beside[0].read_bytes() == beside[1].read_bytes()


def test_provenance(scene, made, tmp_path):
    """Tags say from what scene, by which model and with what settings; without a date, so that bytes repeat."""
    again = predict(scene, tmp_path, **LAYERS)
    for name, path in made.outputs.rasters.items():
        assert path.read_bytes() == again.outputs.rasters[name].read_bytes()
        with rasterio.open(path) as raster:
            tags = raster.tags()
        settings = json.loads(tags["GEOSEG_SETTINGS"])
        assert (tags["GEOSEG_SCENE"], tags["TIFFTAG_SOFTWARE"]) == ("scene.tif", f"geoseg {geoseg.__version__}")
        assert tags["GEOSEG_MODEL"] == "stand-in 1"
        assert json.loads(tags["GEOSEG_LEGEND"]) == AERIAL.to_json()
        assert {key: settings[key] for key in ("gsd_m", "tile", "overlap", "window", "bands", "tta")} == {
            "gsd_m": 1.0004,  # on the ellipsoid
            "tile": 64,
            "overlap": 16,
            "window": "hann",
            "bands": [1, 2, 3],
            "tta": "none",
        }


def test_overwriting_removes_files_of_other_settings(scene, tmp_path):
    """What an earlier run of the same scene wrote and this one does not would be taken for its own; others' stay."""
    formats = ("geojson", "gpkg", "flatgeobuf", "parquet")
    first = predict(scene, tmp_path, **LAYERS, formats=formats, stac=True)
    other = first.outputs.classes.with_name("scene_2_confidence.tif")
    other.write_bytes(b"of another scene")
    second = predict(scene, tmp_path, roads=False, overwrite=True)
    kept = {path.name for path in first.outputs.classes.parent.iterdir()}
    assert kept == {other.name, "scene_classes.tif.aux.xml", *(path.name for path in second.outputs.files)}
    assert kept == {other.name, "scene_classes.tif.aux.xml", "scene_classes.tif", "scene_classes.qml"}


def test_overwriting_keeps_what_others_made(scene, tmp_path):
    """A user's own layers that are called as results are, and networks that another program has saved, stay."""
    formats = ("geojson", "gpkg", "flatgeobuf", "parquet")
    folder = predict(scene, tmp_path, **LAYERS, formats=formats).outputs.classes.parent
    drawn = geopandas.GeoDataFrame({"id": [1], "name": ["drawn"]}, geometry=[shapely.Point(1, 2)], crs=4326)
    writers = {
        "scene_roads.geojson": lambda path: geopandas.read_file(path).to_file(path),
        "scene_roads.gpkg": drawn.to_file,
        "scene_roads.fgb": drawn.to_file,
        "scene_roads.parquet": drawn.to_parquet,
        "scene_roads.qml": lambda path: path.write_text(f"{path.read_text()}<!-- thicker -->"),
        "scene_confidence.tif": lambda path: rasterio.shutil.copy(scene, path),
        "scene_probabilities.tif": lambda path: path.write_bytes(b"no raster"),
    }
    for name, write in writers.items():
        if "geojson" not in name and "qml" not in name:
            (folder / name).unlink(missing_ok=True)
        write(folder / name)
    before = {name: (folder / name).read_bytes() for name in writers if (folder / name).is_file()}
    predict(scene, tmp_path, roads=False, overwrite=True)
    assert {name: (folder / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("name", ["scene_classes.tif", "scene_roads.geojson", "scene_roads.parquet"])
def test_maps_of_others_are_not_replaced(scene, tmp_path, name):
    """Labels or roads that a user has drawn, and that are called as results are, are refused even with `overwrite`."""
    folder = tmp_path / "maps"
    folder.mkdir()
    drawn = geopandas.GeoDataFrame({"id": [1], "name": ["drawn"]}, geometry=[shapely.Point(1, 2)], crs=4326)
    write = drawn.to_parquet if name.endswith("parquet") else drawn.to_file
    write(folder / name) if "roads" in name else rasterio.shutil.copy(scene, folder / name)
    before = (folder / name).read_bytes()
    with pytest.raises(OutputError, match=rf"{name} exists and was not made by geoseg, so it is never replaced; move"):
        predict(scene, tmp_path, formats=("geojson", "parquet"), overwrite=True)
    assert (folder / name).read_bytes() == before
    assert [path.name for path in folder.iterdir()] == [name]


def test_a_scene_on_a_server(scene, made, tmp_path):
    """A URL gives the files of the same scene on disk, to the byte."""
    with serving(scene.parent) as server:
        found = predict(server.url("scene.tif"), tmp_path, **LAYERS)
        assert any(each.path.endswith("scene.tif") for each in server.asked())
    assert found.areas == made.areas
    for one, other in zip(found.outputs.files, made.outputs.files, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_match_input(scene, made, tmp_path):
    """On the scene's pixels, each has the value that rasterio samples from the grid at its centre."""
    coarse = predict(scene, tmp_path / "coarse", gsd_m=2.3, roads=False)
    found = predict(scene, tmp_path / "matched", gsd_m=2.3, roads=False, match_input=True)
    with rasterio.open(found.outputs.classes) as matched, rasterio.open(scene) as raster:
        assert (matched.shape, matched.transform, matched.crs) == (raster.shape, raster.transform, raster.crs)
        values = matched.read(1)
        rows, cols = np.mgrid[: raster.height : 37, : raster.width : 41].reshape(2, -1)
        places = np.column_stack(raster.xy(rows, cols))
    with rasterio.open(coarse.outputs.classes) as grid:
        assert grid.shape != values.shape
        expected = np.array([value for (value,) in grid.sample(places)])
    np.testing.assert_array_equal(values[rows, cols], expected)


def test_disk_of_rasters_on_the_pixels_of_the_scene(write_scene, write_bundle, echo, noise, tmp_path):
    """They take no more than was estimated, even if the scene is much finer than the grid."""
    scene, choices = write_scene(noise(700, 600)), {"match_input": True, "gsd_m": 3, "probabilities": True}
    made = geoseg.predict(scene, model=write_bundle(), folder=tmp_path, load=echo, roads=False, **choices)
    estimated = plan(open_scene(scene), make_card(), Settings(roads=False, **choices)).result_disk
    assert sum(path.stat().st_size for path in made.outputs.rasters.values()) < estimated


@dataclass(frozen=True)
class Noting(InBlocks):
    """Notes the names of tasks."""

    tasks: list[str] = field(default_factory=list)

    def submit(self, task, *arguments):
        self.tasks.append(task.__name__)
        return super().submit(task, *arguments)


@pytest.mark.parametrize(
    ("part", "match_input", "spread"), [(2**18, False, True), (2**24, False, False), (2**18, True, False)]
)
def test_rasters_are_written_by_several_workers(
    write_scene, write_bundle, echo, noise, tmp_path, monkeypatch, part, match_input, spread
):
    """In parts, if the result is large: the files stay the same, byte for byte."""
    for module in ("geoseg.prediction.plan", "geoseg.rasters.levels"):
        monkeypatch.setattr(f"{module}.PART", part)
    scene, model = write_scene(noise(2100, 700)), write_bundle()
    choices = {"confidence": True, "match_input": match_input, "load": echo}
    one = geoseg.predict(scene, model=model, folder=tmp_path / "one", **choices)
    executor = Noting(workers=3)
    several = geoseg.predict(scene, model=model, folder=tmp_path / "several", executor=executor, **choices)
    assert (executor.tasks.count("_make_part") > 12) == spread
    for found, expected in zip(several.outputs.files, one.outputs.files, strict=True):
        assert found.read_bytes() == expected.read_bytes(), found.name


def test_a_locale_without_the_letters_of_a_class(write_scene, write_bundle, noise, tmp_path):
    """Styles are in UTF-8, whatever the locale's encoding is."""
    legend = Legend(
        classes=tuple(LegendClass(name=name, colour="#4a4a4a") for name in ("forêt", "道路", "eau")), road=1
    )
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = "predict", write_scene(noise(90, 70)), "-m", write_bundle(legend=legend), "-q", "-o", tmp_path / "out"
    assert finish(stand_in(*words), **ascii_only) == (0, "")
    assert "道路" in (tmp_path / "out" / "scene_classes.qml").read_text(encoding="utf-8")
