"""The commands and the example of docs/evaluation.md run as they are written."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from standins import load_echo

from geoseg.cli.evaluate import command
from geoseg.models.legend import AERIAL
from geoseg.training.codings import LEGENDS

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text()
COMMANDS = [line.split("#")[0].strip() for line in re.search("```sh\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()]
(EXAMPLE,) = re.findall("```py\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(write_ids, blobs, noise, tmp_path, monkeypatch):
    """A working folder with the files that the page speaks of, and an echo in place of the network."""
    write_ids(blobs(30, 40), "north_classes.tif", legend=AERIAL)
    write_ids(blobs(30, 40, seed=1), "truth.tif")
    colours = np.array([entry.rgb for entry in LEGENDS["potsdam"].classes], np.uint8)
    for number, name in enumerate(("north", "south")):
        truth = blobs(40, 50, seed=number)
        write_ids(blobs(40, 50, seed=number + 2), f"{name}_classes.tif", folder="maps", legend=AERIAL)
        write_ids(truth, f"{name}.tif", folder="labels")
        write_ids((truth == 2).astype(np.uint8) * 255, f"{name}.tif", folder="masks")
        write_ids(noise(40, 50), f"{name}.tif", folder="images")
        write_ids(truth, f"{name}_classes.tif", folder="potsdam", legend=LEGENDS["potsdam"])
        write_ids(colours[truth].transpose(2, 0, 1), f"{name}.tif", folder="5_Labels_all")
    monkeypatch.setattr("geoseg.executors._load_keras", lambda model, batch, tta, version: load_echo(model, batch, tta))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("line", COMMANDS)
def test_command(folder, line):
    """A command of the page ends well."""
    geoseg, evaluate, *words = shlex.split(line)
    assert (geoseg, evaluate) == ("geoseg", "evaluate")
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert (folder / "report" / "evaluation.html").exists() == ("-o" in words)


def test_example(folder, blobs, capsys):
    """The example runs on arrays of ids, and prints a line for each class."""
    assert len(COMMANDS) >= 6
    exec(compile(EXAMPLE, "example", "exec"), {"predicted": blobs(20, 20), "truth": blobs(20, 20, seed=1)})
    assert len(capsys.readouterr().out.splitlines()) >= len(AERIAL) + 3
