"""Every command answers every kind of unusable input file with one sentence and the exit code of its kind."""

import geopandas
import numpy as np
import pytest
import shapely
from click.testing import CliRunner

from geoseg.cli import main
from geoseg.models.legend import AERIAL
from geoseg.prediction.predict import predict_each

DATA, MODEL, RECIPE = 3, 4, 2

COMMANDS = [
    (DATA, "predict INPUT.tif -m BUNDLE -o out"),
    (DATA, "predict SCENE -m BUNDLE -o out --aoi INPUT.gpkg"),
    (DATA, "predict SCENE -m BUNDLE -o out --aoi INPUT.geojson"),
    (DATA, "info INPUT.tif -m BUNDLE"),
    (DATA, "info SCENE -m BUNDLE --aoi INPUT.gpkg"),
    (DATA, "evaluate rasters INPUT.tif CLASSES"),
    (DATA, "evaluate rasters CLASSES INPUT.tif"),
    (DATA, "evaluate model BUNDLE INPUT.tif CLASSES"),
    (DATA, "evaluate model BUNDLE SCENE INPUT.tif"),
    (DATA, "evaluate roads INPUT.gpkg ROADS"),
    (DATA, "evaluate roads ROADS INPUT.gpkg"),
    (DATA, "evaluate roads ROADS INPUT.parquet"),
    (DATA, "evaluate roads ROADS INPUT.gpkg -o report"),
    (DATA, "train --init INPUT.tif CLASSES"),
    (DATA, "train --init SCENE INPUT.tif"),
    (DATA, "train --init SCENE INPUT.gpkg"),
    (DATA, "train raster.toml -o run --set data.a.images=INPUT.tif"),
    (DATA, "train raster.toml -o run --set data.a.labels=INPUT.tif"),
    (DATA, "train vector.toml -o run --set data.a.labels=INPUT.gpkg"),
    (DATA, "tile INPUT.tif CLASSES -o chips"),
    (DATA, "tile SCENE INPUT.tif -o chips"),
    (DATA, "tile vector.toml --set data.a.labels=INPUT.gpkg -o chips"),
    (DATA, "roads INPUT.tif -o roads.gpkg --class 1"),
    (DATA, "polygons INPUT.tif -o areas.gpkg"),
    (DATA, "resize INPUT.tif out.tif --scale 2"),
    (MODEL, "predict SCENE -m INPUT.keras -o out"),
    (MODEL, "info INPUT.keras"),
    (MODEL, "evaluate model INPUT.keras SCENE CLASSES"),
    (MODEL, "models show INPUT.keras"),
    (MODEL, "models card INPUT.keras"),
    (RECIPE, "train INPUT.toml -o run"),
    (RECIPE, "tile INPUT.toml -o chips"),
]
INPUTS = ["missing", "folder", "empty", "text"]


@pytest.fixture
def words(tmp_path, monkeypatch, write_scene, write_ids, write_bundle, noise, echo):
    """What the capital words of a command stand for; the working folder is the test's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(predict_each.__kwdefaults__, "load", echo)
    ids = np.ones((20, 20), np.uint8)
    ids[8:12] = 2
    line = geopandas.GeoSeries([shapely.LineString([(500_000, 5_399_990), (500_020, 5_399_990)])], crs="EPSG:32633")
    line.to_file("roads_before.gpkg")
    found = {
        "SCENE": write_scene(noise(20, 20)),
        "CLASSES": write_ids(ids, legend=AERIAL, nodata=255),
        "BUNDLE": write_bundle(),
        "ROADS": tmp_path / "roads_before.gpkg",
    }
    for name, coding in (("raster", 'coding = "ids"'), ("vector", 'coding = "vector"\nvalues = { "*" = "road" }')):
        (tmp_path / f"{name}.toml").write_text(
            f'[[data]]\nname = "a"\nimages = "{found["SCENE"]}"\nlabels = "{found["CLASSES"]}"\n{coding}\n'
            "split = { validation = 0.0 }\n[card]\ntile = 32\noverlap = 8\n[schedule]\nwindow = 32\n"
        )
    return {name: str(path) for name, path in found.items()}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(("code", "command"), COMMANDS, ids=[command for _, command in COMMANDS])
def test_unusable_inputs(words, tmp_path, command, code, kind):
    """A missing file, a folder in its place, an empty file and a text under its name have the same exit code.

    One sentence names the file, and nothing is left behind.
    """
    (name,) = (part for word in command.split() for part in word.split("=") if part.startswith("INPUT"))
    path = tmp_path / name.replace("INPUT", "input")
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_text("This is no such file.\n" if kind == "text" else "")
    before = sorted(tmp_path.rglob("*"))
    arguments = [words.get(word, word.replace(name, str(path))) for word in command.split()]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("geoseg: ")
    assert path.name in line
    assert line.endswith(".")
    assert sorted(tmp_path.rglob("*")) == before
