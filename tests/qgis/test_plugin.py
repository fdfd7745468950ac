"""The plugin in a real QGIS: the same results as the command, as layers of the project."""

import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import click
import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from PIL import Image
from pyproj import Geod
from stand_in_wheel import make_wheel

from geoseg.cli import main
from geoseg.version import __version__

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def command_of(words):
    found = main
    for word in words:
        found = found.get_command(click.Context(found), word)
    return found


def test_every_field_is_an_option_of_its_command(qgis):
    """Each field's option exists in its command, with the same kind, choices and default: nothing is sent unawares."""
    described = qgis.script("describe_options.py")
    assert {"predict", "roads", "polygons", "evaluate", "evaluateroads", "resize", "train"} == set(described)
    for name, algorithm in described.items():
        words = algorithm["command"]
        words = ["evaluate", *words] if name.startswith("evaluate") else words
        options = {flag: each for each in command_of(words).params for flag in (*each.opts, *each.secondary_opts)}
        for option in algorithm["options"]:
            declared = options[option["flag"]]
            assert option["advanced"] or len(option["label"]) <= 52, "the dialog would have to be made wider"
            assert declared.multiple == option["repeats"] or option["kind"] == "Choice", option
            assert declared.is_flag == option["is_flag"], option
            if isinstance(declared.type, click.Choice):
                assert set(option["choices"]) <= set(declared.type.choices)
            if option["default"] is not None and option["flag"] != "--format":
                assert option["default"] == declared.default


def test_toolbox_lists_all(qgis):
    """`qgis_process` finds all algorithms, and each has a help text."""
    listed = qgis.process("list")
    for name in ("predict", "roads", "polygons", "evaluate", "evaluateroads", "resize", "train"):
        assert f"geoseg:{name}" in listed
    help_text = qgis.process("help", "geoseg:predict")
    assert "Folder for the results" in help_text


def test_prediction_is_that_of_the_command(qgis, mapped, tmp_path, samples):
    """`qgis_process run geoseg:predict` writes the bytes of `geoseg predict`, and names them; the version is said."""
    said = qgis.run("geoseg:predict", INPUT=samples / "coast.tif", FOLDER=tmp_path, CONFIDENCE=True, REPORT=True)
    assert re.search(rf"^REPORT_FILE:\s+{re.escape(str(tmp_path))}/coast_report.html$", said, re.MULTILINE)
    assert "coast" in (tmp_path / "coast_report.html").read_text(encoding="utf-8")
    for name in ("coast_classes.tif", "coast_classes.qml", "coast_confidence.tif", "coast_roads.gpkg"):
        assert (tmp_path / name).read_bytes() == (mapped / name).read_bytes()
        assert name in said
    assert re.search(r"geoseg 0\.\d+\.\d+ \(.*\), plugin 0\.\d+\.\d+", said)


def test_other_algorithms_are_their_commands(qgis, mapped, tmp_path, samples):
    """Roads, polygons, resized images and scores are those of the commands."""
    classes = mapped / "coast_classes.tif"
    reference = samples / "coast_classes.tif"
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    qgis.run("geoseg:roads", INPUT=classes, OUTPUT=tmp_path / "a/roads.geojson")
    qgis.run("geoseg:polygons", INPUT=classes, OUTPUT=tmp_path / "a/p.gpkg", CLASSES="water, building", MIN_AREA=50)
    qgis.run("geoseg:resize", INPUT=samples / "coast.tif", OUTPUT=tmp_path / "a/half.tif", SCALE=0.5)
    qgis.run("geoseg:evaluate", PREDICTED=classes, REFERENCE=reference, FOLDER=tmp_path / "a/scores", IGNORE="water")
    qgis.run(
        "geoseg:evaluateroads",
        PREDICTED=tmp_path / "a/roads.geojson",
        REFERENCE=samples / "coast_roads.geojson",
        FOLDER=tmp_path / "a/road_scores",
    )
    for words in (
        ["roads", classes, "-o", tmp_path / "b/roads.geojson"],
        ["polygons", classes, "-o", tmp_path / "b/p.gpkg", "--class=water", "--class=building", "--min-area=50"],
        ["resize", samples / "coast.tif", tmp_path / "b/half.tif", "--scale=0.5"],
        ["evaluate", "rasters", classes, reference, "-o", tmp_path / "b/scores", "--ignore=water"],
    ):
        subprocess.run([qgis.geoseg, *words], check=True, capture_output=True)
    for name in ("roads.geojson", "p.gpkg", "half.tif", "scores/evaluation.json", "scores/evaluation.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a/road_scores/evaluation.html").exists()


def test_results_come_back_into_the_project(qgis, tmp_path, samples):
    """Results have names, CRS, class names and colours, and are grouped under their scene; the map shows them.

    Fields of layers show no groups: each name is also that of the scene.
    """
    shown = qgis.script("show_results.py", samples / "coast.tif", tmp_path)
    assert set(shown["groups"]) == {"coast"}
    named = {each["name"]: each for each in shown["groups"]["coast"]}
    assert list(named) == [f"{name} (coast)" for name in ("roads", "polygons", "classes", "confidence")]
    layers = {name.partition(" (")[0]: each for name, each in named.items()}
    assert set(shown["outside"]) == {"Resized raster", "my scene"}
    with rasterio.open(samples / "coast.tif") as scene:
        crs = scene.crs.to_string()
    assert all(each["crs"] == crs and each["valid"] and each["expanded"] for each in layers.values())
    assert [name for name, _ in layers["classes"]["symbols"]] == ["building", "land", "road", "vegetation", "water"]
    assert ["road", "#ff6a00"] in layers["roads"]["symbols"]
    colours = dict(layers["classes"]["symbols"])
    assert dict(layers["polygons"]["symbols"]).items() >= {"water": colours["water"]}.items()
    picture = np.asarray(Image.open(tmp_path / "map.png").convert("RGB")).reshape(-1, 3)
    with rasterio.open(tmp_path / "coast_classes.tif") as raster:
        shares = np.bincount(raster.read(1).ravel(), minlength=256) / raster.width / raster.height
    for value, (_, colour) in enumerate(layers["classes"]["symbols"]):
        drawn = (picture == list(bytes.fromhex(colour[1:]))).all(axis=1).mean()
        assert drawn == pytest.approx(shares[value], abs=0.08)
    assert (picture == (255, 106, 0)).all(axis=1).mean() > 0.002


def test_errors_are_the_tools_own_sentences(qgis, mapped, tmp_path, samples):
    """A failed run fails the algorithm with the tool's sentence, and existing results are kept."""
    said = qgis.run("geoseg:predict", INPUT=samples / "coast.tif", FOLDER=tmp_path, BANDS="1,2,9", expect=1)
    assert "coast.tif has 3 bands; --bands names band 9." in said
    assert "Traceback" not in said
    said = qgis.run(
        "geoseg:resize", INPUT=samples / "coast.tif", OUTPUT=mapped / "coast_classes.tif", SCALE=0.5, expect=1
    )
    assert "coast_classes.tif exists" in said
    assert "--overwrite" in said


def test_a_cancelled_run_resumes(qgis, tmp_path, samples):
    """Cancel leaves what is finished; the same algorithm resumes there, to the command's result."""
    told = qgis.script("cancel_and_resume.py", samples / "coast.tif", tmp_path)
    assert told["error"].startswith("Stopped")
    assert told["left"] == [".coast.geoseg"]
    assert told["first"] > 0
    one = tmp_path / "command"
    command = [qgis.geoseg, "predict", samples / "coast.tif", "-o", one]
    subprocess.run(command, check=True, capture_output=True)
    for name in ("coast_classes.tif", "coast_roads.geojson"):
        assert (tmp_path / name).read_bytes() == (one / name).read_bytes()


def test_an_extent_is_an_area_of_interest(qgis, tmp_path, samples):
    """An extent maps what `--aoi` maps, and so does a layer of polygons."""
    with rasterio.open(samples / "coast.tif") as scene:
        left, bottom, _, top = scene.bounds
        crs = scene.crs
    box = shapely.box(left + 100, bottom + 150, left + 260, top - 200)
    geopandas.GeoSeries([box], crs=crs).to_file(tmp_path / "area.gpkg")
    west, south, east, north = box.bounds
    common = {"INPUT": samples / "coast.tif", "ROADS": False}
    extent = f"{west},{east},{south},{north} [{crs}]"
    qgis.run("geoseg:predict", FOLDER=tmp_path / "a", EXTENT=extent, **common)
    qgis.run("geoseg:predict", FOLDER=tmp_path / "b", AOI=tmp_path / "area.gpkg", **common)
    area = tmp_path / "area.gpkg"
    command = [qgis.geoseg, "predict", samples / "coast.tif", "--no-roads", "-o", tmp_path / "c", "--aoi", area]
    subprocess.run(command, check=True, capture_output=True)
    one, two, three = ((tmp_path / name / "coast_classes.tif").read_bytes() for name in "abc")
    assert one == two == three
    both = {"EXTENT": extent, "AOI": area}
    assert "not both" in qgis.run("geoseg:predict", FOLDER=tmp_path / "d", expect=1, **both, **common)


def test_tiles_of_a_server_are_written_first(qgis, tmp_path, samples):
    """Layers that are not files need an extent, which is written once, with pixels of the size on the ground."""
    side = 2 * np.pi * 6_378_137 / 2**18
    column, row = 140_000, 90_000
    with rasterio.open(samples / "coast.tif") as scene:
        pixels = np.moveaxis(scene.read([1, 2, 3])[:, :512, :512], 0, -1)
    for x in range(2):
        for y in range(2):
            path = tmp_path / f"tiles/18/{column + x}/{row + y}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[256 * y : 256 * y + 256, 256 * x : 256 * x + 256]).save(path)
    left, top = column * side - np.pi * 6_378_137, np.pi * 6_378_137 - row * side
    extent = f"{left + 20},{left + 220},{top - 180},{top - 30} [EPSG:3857]"
    told = qgis.script("tiles_of_server.py", tmp_path / "tiles", extent, tmp_path / "out")
    assert "web imagery is not a file; give the extent" in told["error"]
    (written,) = (tmp_path / "out").glob("web_imagery_????????.tif")
    with rasterio.open(written) as scene, rasterio.open(told["results"]["CLASSES"]) as classes:
        assert scene.crs.to_epsg() == 3857
        assert scene.count == 4
        assert abs(np.array(scene.bounds) - [left + 20, top - 180, left + 220, top - 30]).max() < scene.res[0]
        latitude = np.pi / 2 - 2 * np.arctan(np.exp(-(top - 100) / 6_378_137))
        assert scene.res[0] * np.cos(latitude) == pytest.approx(0.5, rel=0.01)
        assert classes.bounds == pytest.approx(scene.bounds, abs=1)
    assert told["again"]["CLASSES"] == told["results"]["CLASSES"]


def test_pixels_of_an_extent_in_degrees_are_square_on_the_ground(qgis, tmp_path):
    """A degree of longitude at 60° N is half as long as one of latitude."""
    path = tmp_path / "scene.tif"
    profile = {"driver": "GTiff", "width": 20, "height": 10, "count": 3, "dtype": "uint8", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", transform=Affine(1e-4, 0, 25, 0, -1e-4, 60.001), **profile):
        pass
    plan = qgis.script("extent_in_degrees.py", path)
    _, _, east_m = Geod(ellps="WGS84").inv(25, 60.0005, 25.002, 60.0005)
    _, _, north_m = Geod(ellps="WGS84").inv(25.001, 60, 25.001, 60.001)
    assert [plan["width"], plan["height"]] == pytest.approx([east_m, north_m], abs=1)


def test_algorithms_work_in_models(qgis, tmp_path, samples):
    """The class raster of one algorithm is the input of the next one in a model."""
    told = qgis.script("run_model.py", samples / "coast.tif", tmp_path)
    assert told["done"]
    assert len(geopandas.read_file(tmp_path / "areas.gpkg", layer="polygons")) > 10


def test_commands_of_the_page(qgis, tmp_path, samples):
    """The commands of the page on QGIS run as they are written."""
    page = (ROOT / "docs" / "qgis.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```\n(python3 qgis/build_zip.*?)^```$", page, re.MULTILINE | re.DOTALL)
    commands = [*map(shlex.split, block.splitlines())]
    assert [words[0] for words in commands] == ["python3", "python3", "export", "qgis_process", "qgis_process"]
    (tmp_path / "scene.tif").write_bytes((samples / "coast.tif").read_bytes())
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "qgis").symlink_to(ROOT / "qgis")
    variables = {"QGIS_PLUGINPATH": "", "PYTHONPATH": "/usr/share/qgis/python/plugins", "GEOSEG_COMMAND": ""}
    new = replace(qgis, home=tmp_path / "home", variables=variables)
    for words in commands:
        if words[0] == "qgis_process":
            new.process(*words[1:], folder=tmp_path)
        elif words[0] == "export":  # the page's command is that of a virtual environment
            assert words[1:] == ["QT_QPA_PLATFORM=offscreen", "GEOSEG_COMMAND=$PWD/.venv/bin/geoseg"]
            new = replace(new, variables=variables | {"GEOSEG_COMMAND": str(qgis.geoseg)})
        else:
            subprocess.run(["sh", "-euc", " ".join(words)], cwd=tmp_path, env=new.environment(), check=True)
    assert (tmp_path / "maps" / "scene_classes.tif").exists()


def test_set_up_in_the_dialog(qgis, tmp_path):
    """The dialog refuses what is not geoseg, keeps a command that is, and installs one from a folder of wheels."""
    (tmp_path / "home").mkdir(mode=0o700)
    alone = replace(qgis, home=tmp_path / "home", variables={"GEOSEG_COMMAND": ""})
    told = alone.script("set_up.py", qgis.geoseg, make_wheel(tmp_path / "wheels"))
    assert told["first"] == "geoseg is not set up yet."
    assert "is not geoseg" in told["wrong"]
    assert "Set up…" not in told["wrong"]  # where one is
    assert told["squeezed"] == []
    done, _, seconds = told["done"]
    assert done.startswith(f"geoseg: Set up: geoseg {__version__} ({qgis.geoseg}). Its algorithms are in ")
    assert seconds == 0, "the message would be gone after an installation of minutes"
    assert told["kept"] == ""
    assert told["accepted"]
    assert told["command"] == str(qgis.geoseg)
    assert told["installed"], told["state"]
    assert told["folder"].startswith(str(tmp_path))
    assert told["folder"] in told["own"]


def test_folders_become_a_recipe_and_a_recipe_a_model(qgis, tmp_path, samples):
    """Two folders become a recipe, which stays when a run fails; edited, it becomes a model that can be used."""
    for kind, source in (("images", "coast.tif"), ("labels", "coast_classes.tif")):
        (tmp_path / kind).mkdir()
        with rasterio.open(samples / source) as scene:
            profile = scene.profile | {"width": 384, "height": 384}
            with rasterio.open(tmp_path / kind / "coast.tif", "w", **profile) as part:
                part.write(scene.read(window=rasterio.windows.Window(300, 300, 384, 384)))
    folders = {"IMAGES": tmp_path / "images", "LABELS": tmp_path / "labels"}
    said = qgis.run("geoseg:train", FOLDER=tmp_path / "run", SET="schedule.epochs=none", expect=1, **folders)
    assert "schedule.epochs" in said
    recipe = tmp_path / "run" / "recipe_to_run.toml"
    text = recipe.read_text().replace('initial = "aerial"', 'preset = "unet"\nwidth = 4\ndepth = 2')
    recipe.write_text(text.replace("tile = 512", "tile = 64").replace("overlap = 128", "overlap = 16"))
    small = ", ".join(f"schedule.{key}" for key in ("epochs=1", "steps=2", "batch=2", "window=64"))
    qgis.run("geoseg:train", RECIPE=recipe, FOLDER=tmp_path / "run", SET=small)
    (bundle,) = (tmp_path / "run").glob("*.keras")
    assert bundle.stat().st_size > 0
    both = qgis.run("geoseg:train", RECIPE=recipe, FOLDER=tmp_path / "run", expect=1, **folders)
    assert "Give a recipe, or a folder of images and one of labels." in both
