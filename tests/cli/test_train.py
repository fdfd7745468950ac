"""`geoseg train`: its output while training."""

import contextlib
import os
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

import geoseg.training.survey.recipe_template
import geoseg.training.train
from geoseg.cli import main
from geoseg.errors import GeosegWarning

ROW = {"seconds": 3.0, "learning_rate": 1e-3, "loss": 0.5, "accuracy": 0.75, "jaccard": 0.25}
SCORES = ("loss", "accuracy", "jaccard")
HELD_OUT = {"val_loss": 0.625, "val_accuracy": 0.6875, "val_jaccard": 0.1875}


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Stands in for training: reports six epochs of two steps, and records its arguments."""
    asked = SimpleNamespace(held_out=HELD_OUT)

    def train(recipe, *, progress, epoch_done, **arguments):
        asked.recipe, asked.arguments = recipe, arguments
        warnings.warn("no pixel is labelled water.", GeosegWarning, stacklevel=1)
        for epoch in range(1, 7):
            progress(2 * epoch - 2, 12, "")
            progress(2 * epoch, 12, "loss 0.5000")
            epoch_done({"epoch": float(epoch)} | ROW | asked.held_out)
        best = {"epoch": 4.0} | ROW | asked.held_out
        timing = {"starting": 2.0, "stepping": 61.7, "steps": 11, "megapixels_s": 0.7123, "precision": "float32"}
        files = {"bundle": tmp_path / "tiny.keras", "report": tmp_path / "report.html"}
        return SimpleNamespace(best=best, calibration="calibrated, error 0.01.", timing=timing, **files)

    monkeypatch.setattr(geoseg.training.train, "train", train)
    return asked


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('name = "tiny"\n[[data]]\nname = "a"\nimages = "images"\n[schedule]\nepochs = 6\ntable_every = 4\n')
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["train", *map(str, arguments)], catch_exceptions=False)


def test_the_table_has_a_row_every_few_epochs(asked, recipe):
    """Loss, accuracy and Jaccard index are printed for the first, every few, and the last epoch."""
    lines = run(recipe).stderr.splitlines()
    head = next(number for number, line in enumerate(lines) if line.split()[:1] == ["epoch"])
    assert lines[head].split() == ["epoch", *SCORES, *(word for score in SCORES for word in ("val", score))]
    assert max(map(len, lines[head : head + 4])) <= 80
    rows = [line.split() for line in lines[head + 1 : head + 4]]
    assert rows == [[epoch, "0.5000", "0.7500", "0.2500", "0.6250", "0.6875", "0.1875"] for epoch in "146"]
    assert "best epoch: 4, validation Jaccard index 0.1875" in lines
    assert "calibrated, error 0.01." in lines


def test_without_validation_there_is_a_dash(asked, recipe):
    """Without validation images, the table has dashes, and the best epoch has no score."""
    asked.held_out = {}
    lines = run(recipe).stderr.splitlines()
    assert ["6", "0.5000", "0.7500", "0.2500", "–", "–", "–"] in [line.split() for line in lines]
    assert "best epoch: 4" in lines


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_warnings_are_told(asked, recipe, quiet):
    """Warnings about the data are printed on lines of their own, with -q too."""
    assert "geoseg: no pixel is labelled water." in run(recipe, *quiet).stderr.splitlines()


def test_results_are_named_and_quiet_is_quiet(asked, recipe, tmp_path):
    """Paths of report and bundle are printed at the end; -q prints only warnings."""
    assert run(recipe).stderr.split()[-2:] == [str(tmp_path / "report.html"), str(tmp_path / "tiny.keras")]
    assert run(recipe, "-q").output == "geoseg: no pixel is labelled water.\n"


def test_options_reach_training(asked, recipe, tmp_path):
    """`--set` changes the recipe; folder, devices and resume are passed on."""
    run(recipe, "--set", "schedule.batch=4", "--set", "seed=9", "-o", tmp_path / "run", "--resume", "--devices", "2")
    assert (asked.recipe.schedule.batch, asked.recipe.seed, asked.recipe.schedule.epochs) == (4, 9, 6)
    assert asked.arguments == {"folder": tmp_path / "run", "resume": True, "devices": 2}


def test_init_prints_a_recipe(monkeypatch, tmp_path):
    """--init prints a recipe for images and labels, and does not train."""
    monkeypatch.setattr(
        geoseg.training.survey.recipe_template,
        "describe_data",
        lambda images, labels=None: f"# {images.name} {labels.name}\n",
    )
    assert run("--init", tmp_path / "images", tmp_path / "masks").stdout == "# images masks\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.toml", "b.toml"], "give one recipe"),
        (["--init", "a", "b", "c"], "not 3"),
        (["--init", "a", "b", "-o", "recipe.toml"], "takes no other option; write it to a file: `> recipe.toml`"),
    ],
)
def test_more_than_can_be_meant_is_an_error(arguments, words):
    """Two recipes, or three folders, are refused."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_warnings_on_a_terminal(tmp_path, quiet):
    """On a terminal, too, neither a progress bar nor -q hides what is written to standard error."""
    script = f"""
import sys, warnings
from types import SimpleNamespace
import geoseg.training.train
from geoseg.cli import main
from geoseg.errors import GeosegWarning
def train(recipe, *, progress, epoch_done, **arguments):
    progress(0, 2, "")
    warnings.warn("no pixel is labelled water.", GeosegWarning)
    print("a library fails.", file=sys.stderr)
    timing = {{"steps": 1, "megapixels_s": 1.0, "precision": "float32"}}
    return SimpleNamespace(best={{"epoch": 1.0}}, bundle="b", report="r", calibration="", timing=timing)
geoseg.training.train.train = train
main(["train", sys.argv[1], *{quiet!r}])
"""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[[data]]\nname = "a"\nimages = "images"\n')
    leader, follower = os.openpty()
    with subprocess.Popen([sys.executable, "-c", script, recipe], stdout=follower, stderr=follower) as process:
        os.close(follower)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal's end
            while part := os.read(leader, 4096):
                shown += part
    os.close(leader)
    assert process.returncode == 0
    assert b"geoseg: no pixel is labelled water." in shown
    assert b"a library fails." in shown
