"""`geoseg evaluate` shows what `geoseg.evaluate` finds."""

import json
import re

import geopandas
import pytest
import shapely
from click.testing import CliRunner

from geoseg.cli.evaluate import command
from geoseg.errors import DataError, OutputError, UsageError
from geoseg.evaluation import evaluate
from geoseg.evaluation.roads import evaluate_roads
from geoseg.models.legend import AERIAL


@pytest.fixture
def pair(write_ids, blobs):
    """A prediction with a legend, and its truth."""
    return write_ids(blobs(30, 40), "a_classes.tif", legend=AERIAL), write_ids(blobs(30, 40, seed=1), "b.tif")


@pytest.fixture
def run():
    """Run the command; returns what it printed on standard output."""

    def call(*arguments):
        result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return call


def test_json(run, pair):
    """JSON on standard output is the evaluation's, and nothing else."""
    found = json.loads(
        run("rasters", *pair, "--json", "--erode", 1, "--relax", "2m", "--ignore", "water", "--ignore", 0)
    )
    assert found == evaluate(*pair, erode=1, relax="2m", ignore=["water", "0"]).to_json()
    assert [entry["name"] for entry in found["classes"]] == ["land", "road", "vegetation"]


def test_tables(run, pair, tmp_path):
    """The terminal shows every class with its scores; files are written where asked."""
    shown = run("rasters", *pair, "-o", tmp_path / "report", "--class", "road")
    evaluation = evaluate(*pair, single="road")
    road = evaluation.classes[1].scores
    line = next(line.split() for line in shown.splitlines() if line.startswith("road"))
    assert line[1:6] == [
        *(f"{n:,}" for n in (road.support, road.true_positives, road.false_positives, road.false_negatives)),
        f"{road.iou:.3f}",
    ]
    assert re.search(rf"kappa +{evaluation.scores.kappa:.3f}", shown)
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "evaluation.html", "evaluation.json", "evaluation.md",
    ]  # fmt: skip


def test_what_cannot_be(run, pair, tmp_path):
    """An existing evaluation is refused before anything is read."""
    (tmp_path / "evaluation.md").touch()
    with pytest.raises(OutputError, match="choose another `folder`, or replace it with `overwrite=True`"):
        run("rasters", tmp_path / "nothing.tif", pair[1], "-o", tmp_path)
    with pytest.raises(DataError, match=r"nothing\.tif does not exist"):
        run("rasters", tmp_path / "nothing.tif", pair[1], "-o", tmp_path, "--overwrite")


@pytest.fixture
def networks(tmp_path):
    """A predicted road network, and the true one."""
    for name, last in (("found.gpkg", 180), ("true.geojson", 200)):
        line = shapely.LineString([(500_000, 5_400_000), (500_000 + last, 5_400_000)])
        frame = geopandas.GeoSeries([line], crs="EPSG:32633")
        frame.to_crs("EPSG:4326" if name.endswith("geojson") else "EPSG:32633").to_file(tmp_path / name)
    return tmp_path / "found.gpkg", tmp_path / "true.geojson"


def test_roads(run, networks, tmp_path):
    """`roads` shows the scores of networks, as tables or as JSON, and writes a map of differences."""
    found = json.loads(run("roads", *networks, "--json", "--buffer", 1, "--relax", 5, "--seed", 3))
    evaluation = evaluate_roads(*networks, buffer_m=1, relax_m=5, seed=3)
    assert found == evaluation.to_json()
    assert found["completeness"] == pytest.approx(181 / 200, abs=1e-4)
    assert found["relaxed_recall"] == pytest.approx(185 / 200, abs=1e-4)
    shown = run("roads", *networks, "--relax", 5, "-o", tmp_path / "report")
    assert re.search(r"completeness within 3 m +0\.915", shown)
    assert re.search(r"relaxed F1 within 5 m +0\.961", shown)
    assert re.search(r"length in km +0\.200 +0\.180", shown)
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "differences.gpkg", "evaluation.html", "evaluation.json", "evaluation.md",
    ]  # fmt: skip


def test_options_belong_to_their_command():
    """Each command has the options that say something about what it compares, and no others."""
    shared = {"folder", "overwrite", "as_json", "seed"}
    rasters = shared | {"ignore", "erode", "relax", "protocol", "single", "coding", "bootstrap"}
    expected = {
        "rasters": rasters | {"predicted", "reference"},
        "model": rasters
        | {"model", "images", "labels", "image_gsd_m", "bands", "nodata", "stretch", "stretch_from"}
        | {"tta", "engine", "precision", "devices", "batch_size", "memory", "tile", "overlap", "gsd_m"},
        "roads": shared | {"predicted", "reference", "buffer_m", "relax_m"},
    }
    assert {name: {each.name for each in part.params} for name, part in command.commands.items()} == expected


def test_road_reports_are_not_replaced_unasked(run, networks, tmp_path):
    """An existing map of differences is refused, or replaced with `--overwrite`; distances are metres."""
    result = CliRunner().invoke(command, ["roads", *map(str, networks), "--relax", "3px"])
    assert result.exit_code == 2
    assert "'3px' is not a valid float" in result.stderr
    (tmp_path / "differences.gpkg").touch()
    with pytest.raises(
        OutputError, match=r"differences\.gpkg exists; choose another `folder`, or replace it with `overwr"
    ):
        run("roads", *networks, "-o", tmp_path)
    run("roads", *networks, "-o", tmp_path, "--overwrite")
    assert (tmp_path / "differences.gpkg").stat().st_size


def test_nothing_to_replace(pair):
    """`--overwrite` is refused where no files are written."""
    with pytest.raises(UsageError, match="`overwrite` replaces the files in `folder`; name one, or leave it out"):
        CliRunner().invoke(command, ["rasters", *map(str, pair), "--overwrite"], catch_exceptions=False)
