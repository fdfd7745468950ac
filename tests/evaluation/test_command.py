"""`geoseg evaluate` shows what `geoseg.evaluate` finds."""

import json
import re

import pytest
from click.testing import CliRunner

from geoseg.cli.evaluate import command
from geoseg.errors import OutputError, UsageError
from geoseg.evaluation import evaluate
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
    found = json.loads(run(*pair, "--json", "--erode", 1, "--relax", "2m", "--ignore", "water", "--ignore", 0))
    assert found == evaluate(*pair, erode=1, relax="2m", ignore=["water", "0"]).to_json()
    assert [entry["name"] for entry in found["classes"]] == ["land", "road", "vegetation"]


def test_tables(run, pair, tmp_path):
    """The terminal shows every class with its scores; files are written where asked."""
    shown = run(*pair, "-o", tmp_path / "report", "--class", "road")
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
    """Options of predicting need a model; an evaluation that is there is refused before anything is read."""
    with pytest.raises(UsageError, match="--image-gsd is for predicting; name a model"):
        run(*pair, "--image-gsd", 1)
    (tmp_path / "evaluation.md").touch()
    with pytest.raises(OutputError, match="replace it with --overwrite"):
        run(tmp_path / "nothing.tif", pair[1], "-o", tmp_path)
    with pytest.raises(UsageError, match=r"nothing\.tif does not exist"):
        run(tmp_path / "nothing.tif", pair[1], "-o", tmp_path, "--overwrite")
