"""`geoseg batch`: lines or events, one exit code, and what Ctrl-C leaves."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from affine import Affine
from click.testing import CliRunner

from geoseg.batch.batch import batch
from geoseg.batch.manifest import read_manifest
from geoseg.cli import main

TESTS = Path(__file__).parents[1]
STOPPED = """
import signal
from standins import load_echo
from geoseg.batch import batch as module
from geoseg.cli import main
module.batch.__kwdefaults__["load"] = load_echo
from geoseg.cli import batch as command
stopping = command._stopping
def stop_after(listener):
    listen = stopping(listener)
    def heard(event):
        if type(event).__name__ == "SceneStarted" and event.name == "b":
            signal.raise_signal({signal})
        listen(event)
    return heard
command._stopping = stop_after
"""


@pytest.fixture
def run(write_bundle, echo, tmp_path, monkeypatch, write_scene, noise):
    """Run the command in a folder with three scenes, without a network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(batch.__kwdefaults__, "load", echo)
    model = str(write_bundle())
    (tmp_path / "in").mkdir()
    for name in "abc":
        write_scene(noise(40, 50), f"in/{name}.tif")

    def run(*words, output="maps"):
        return CliRunner().invoke(main, ["batch", *words, "-m", model, "-o", output])

    return run


def test_a_line_a_scene(run):
    """Lines on standard error say what is done, and nothing is on standard output."""
    result = run("in")
    assert (result.exit_code, result.stdout) == (0, "")
    lines = result.stderr.splitlines()
    assert [line.partition(": done in ")[0] for line in lines if "done in" in line] == ["a", "b", "c"]
    assert lines[-1] == "3 done, 0 done before, 0 failed"
    assert Path("maps/report.html").exists()
    assert run("in").stderr.splitlines() == ["0 done, 3 done before, 0 failed"]


def test_a_failure(run):
    """A scene that fails is one sentence with its options, and the exit code is that of its kind."""
    Path("in/b.tif").write_text("text")
    result = run("in", "-q")
    assert result.exit_code == 3
    first, last = result.stderr.splitlines()
    assert first.startswith("geoseg: in/b.tif ") or first.startswith(f"geoseg: {Path('in/b.tif').absolute()} ")
    assert last == "geoseg: 1 of 3 scenes failed."
    assert run("in", "-q", "--confidence").exit_code == 5
    assert "--overwrite" in run("in", "-q", "--confidence").stderr


def test_advice_is_that_of_the_command(run, write_scene, noise):
    """What is said before the batch begins names options, as errors do, not parameters of Python."""
    write_scene(noise(40, 50), "in/coarse.tif", transform=Affine(300, 0, 5e5, 0, -300, 5.4e6))
    said = run("in").stderr
    assert said.count("--gsd 300") == 2
    assert "gsd_m" not in said


def test_events_as_json(run):
    """Standard output has an event a line, from the first to the last, also of what fails."""
    Path("broken.tif").write_text("text")
    result = run("in", "broken.tif", "--json", "--retries", "1")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-1]) == ("started", "ended")
    assert [event["again"] for event in events if event["event"] == "scene_failed"] == [True, False]
    assert sum(event["pixels"] for event in events if event["event"] == "block_done") == events[0]["pixels"] == 6000
    assert {event["record"]["name"] for event in events if event["event"] == "scene_done"} == {"a", "b", "c"}
    assert result.exit_code == 3
    first, second, last = result.stderr.splitlines()
    assert first == f"{second} It is tried again after the others."
    assert "broken.tif cannot be read as a raster" in second
    assert last == "geoseg: 1 of 4 scenes failed."


def test_a_second_batch_is_refused(run, tmp_path):
    """While a batch writes to a folder, another ends with a sentence and exit code 5."""
    from geoseg.batch.manifest import open_manifest

    with open_manifest(tmp_path / "maps"):
        result = run("in")
    assert (result.exit_code, len(result.stderr.splitlines())) == (5, 1)
    assert "another batch is writing to" in result.stderr


def test_names_cannot_control_a_terminal(run):
    """Control characters of a file name are escaped in lines and events."""
    Path("in/a.tif").rename("in/\x1b[31m.tif")
    for words in ([], ["--json"]):
        result = run("in", *words, output="other" if words else "maps")
        assert "\x1b" not in result.output


def test_a_name_is_one_line(run):
    """A line break in a file name begins no line."""
    Path("in/a.tif").rename("in/z\nd: done in 1.0 s.tif")
    assert not [line for line in run("in").stderr.splitlines() if line.startswith("d:")]


@pytest.mark.slow
def test_interrupted_after_the_piece_in_work(run, tmp_path):
    """A first Ctrl-C saves the piece in progress; scenes before are recorded, none failed; the same command resumes."""
    script = STOPPED.replace("{signal}", str(int(signal.SIGINT)))
    words = ["batch", "in", "-m", str(tmp_path / "stand-in.keras"), "-o", "maps"]
    script += f"\nmain({words!r}, prog_name='geoseg')"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False, cwd=tmp_path
    )
    assert ended.returncode == 130, ended.stderr
    assert ended.stderr.splitlines()[-1] == "geoseg: interrupted; the same command resumes."
    assert {record.state for record in read_manifest(tmp_path / "maps")} <= {"done"}
    result = run("in")
    assert result.exit_code == 0, result.stderr
    assert [record.state for record in read_manifest(tmp_path / "maps")] == ["done"] * 3
