"""`geoseg polygons`."""

from functools import partial

import geopandas
import numpy as np
import pytest

from geoseg.models.legend import AERIAL


@pytest.fixture
def classes(write_ids):
    values = np.ones((30, 30), np.uint8)
    values[5:15, 5:15] = 0
    values[20:22, 20:22] = 4
    return write_ids(values, nodata=255, legend=AERIAL, gsd_m=2)


@pytest.fixture
def run(run):
    """Run `geoseg polygons`, and return what it printed."""
    return partial(run, "polygons")


def test_command(run, classes, tmp_path):
    """Options reach the call; totals and files are printed."""
    options = ["--class", "building", "--class", "1", "--min-area", "20", "--simplify", "1", "--format", "geojson"]
    lines = run(classes, "-o", tmp_path / "areas.gpkg", *options).splitlines()
    assert lines[0] == "building: 400 m² in 1 polygon"
    assert lines[1] == "land: 3203 m² in 1 polygon"
    assert lines[2:] == [str(tmp_path / f"areas.{ending}") for ending in ("qml", "gpkg", "geojson")]
    assert len(geopandas.read_file(tmp_path / "areas.geojson")) == 2
    again = run(classes, "-o", tmp_path / "areas.gpkg", expect=5)
    assert again == f"geoseg: {tmp_path / 'areas.gpkg'} exists; choose another name, or replace it with --overwrite.\n"
    run(classes, "-o", tmp_path / "areas.gpkg", "--overwrite")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.tif", "-o", "areas.gpkg"], 3, "none.tif does not exist"),
        (
            ["classes.tif", "-o", "areas"],
            2,
            ".parquet); add one, or give --format",
        ),
        (["classes.tif", "-o", "areas.gpkg", "--class", "tundra"], 2, "is not in the raster's legend"),
        (["classes.tif", "-o", "areas.gpkg", "--min-area", "-1"], 2, "--min-area"),
        (["classes.tif", "-o", "areas.gpkg", "--format", "shp"], 2, "--format"),
        (["classes.tif", "-o", "none/areas.gpkg"], 5, "create it first"),
    ],
)
def test_wrong_input(run, classes, tmp_path, monkeypatch, arguments, code, message):
    """What cannot be done ends in a sentence and its exit code, and leaves nothing."""
    monkeypatch.chdir(tmp_path)
    assert message in run(*arguments, expect=code)
    assert list(tmp_path.iterdir()) == [classes]


def test_right_angles(run, classes, tmp_path):
    """The command reports how many polygons have right angles, and names options in errors."""
    path = tmp_path / "houses.fgb"
    lines = run(classes, "-o", path, "--regularise", "building", "--min-iou", "0.9").splitlines()
    assert lines[0] == "building: 400 m² in 1 polygon, 1 of them with right angles"
    assert geopandas.read_file(path)["regularised"].tolist() == [True]
    both = run(classes, "-o", tmp_path / "a.fgb", "--regularise", "building", "--class", "road", expect=2)
    assert "--class and --regularise were both given" in both
    assert "with --regularise" in run(classes, "-o", tmp_path / "a.fgb", "--min-iou", "0.9", expect=2)


def test_confidence(run, write_ids, tmp_path):
    """The command tells from which raster the confidence of the polygons is."""
    write_ids(np.full((9, 9), 127, np.uint8), "x_confidence.tif", levels=True)
    lines = run(write_ids(np.zeros((9, 9), np.uint8), "x_classes.tif"), "-o", tmp_path / "x.fgb").splitlines()
    assert lines[1] == f"confidence: means of {tmp_path / 'x_confidence.tif'}"
    assert geopandas.read_file(tmp_path / "x.fgb")["confidence"].tolist() == [0.5]
