"""The commands and examples of docs/evaluation.md run unchanged."""

import re
import shlex
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from click.testing import CliRunner

from geoseg.cli.evaluate import command
from geoseg.datasets.codings import LEGENDS
from geoseg.models.legend import AERIAL

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall("```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
EXAMPLE, ROADS_EXAMPLE = re.findall("```py\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(write_ids, blobs, noise, tmp_path, monkeypatch):
    """A working folder with the files named on the page."""
    write_ids(blobs(30, 40), "north_classes.tif", legend=AERIAL)
    write_ids(blobs(30, 40, seed=1), "reference.tif")
    colours = np.array([entry.rgb for entry in LEGENDS["potsdam"].classes], np.uint8)
    for number, name in enumerate(("north", "south")):
        truth = blobs(40, 50, seed=number)
        write_ids(blobs(40, 50, seed=number + 2), f"{name}_classes.tif", folder="maps", legend=AERIAL)
        write_ids(truth, f"{name}.tif", folder="labels")
        write_ids((truth == 2).astype(np.uint8) * 255, f"{name}.tif", folder="masks")
        write_ids(noise(40, 50), f"{name}.tif", folder="images")
        tile = f"top_potsdam_2_1{number}"  # as ISPRS names its files, and `geoseg predict` the maps of them
        write_ids(truth, f"{tile}_RGB_classes.tif", folder="potsdam", legend=LEGENDS["potsdam"])
        write_ids(colours[truth].transpose(2, 0, 1), f"{tile}_label.tif", folder="5_Labels_all")
    streets = shapely.LineString([(500_000, 5_400_000), (500_200, 5_400_000), (500_200, 5_400_300)])
    (tmp_path / "road_maps").mkdir()
    (tmp_path / "reference_roads").mkdir()
    for name in (
        "north_roads.gpkg",
        "reference_roads.geojson",
        "road_maps/south_roads.gpkg",
        "reference_roads/south.geojson",
    ):
        geopandas.GeoSeries([streets], crs="EPSG:32633").to_file(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


SLOW = pytest.mark.slow  # loads TensorFlow and a network


@pytest.mark.parametrize("line", [pytest.param(line, marks=[SLOW] * ("evaluate model" in line)) for line in COMMANDS])
def test_command(folder, line):
    """Every command of the page succeeds."""
    geoseg, evaluate, *words = shlex.split(line)
    assert (geoseg, evaluate) == ("geoseg", "evaluate")
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    reports = [path.parent.name for path in folder.glob("*/evaluation.html")]
    assert reports == (words[words.index("-o") + 1 :][:1] if "-o" in words else [])


def test_example(folder, blobs, capsys):
    """The example runs on arrays of ids, and prints a line for each class."""
    assert len(COMMANDS) >= 9
    exec(compile(EXAMPLE, "example", "exec"), {"predicted": blobs(20, 20), "reference": blobs(20, 20, seed=1)})
    assert len(capsys.readouterr().out.splitlines()) >= len(AERIAL) + 3


def test_roads_example(folder, capsys):
    """The roads example prints scores and writes a map of differences."""
    exec(compile(ROADS_EXAMPLE, "example", "exec"), {})
    scores, missed = capsys.readouterr().out.splitlines()
    assert [float(score) for score in scores.split()] == pytest.approx([1, 1, 1])
    assert missed == "0.0 m missed"
    assert (folder / "road_scores" / "differences.gpkg").exists()
