"""What `geoseg --json-progress` prints for other programs."""

import json

import numpy as np
import pytest

from geoseg.cli.progress import json_progress


def events(result):
    return [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]


def check(result, text):
    """Progress is on standard error alone, never falls, and ends where all is done."""
    found = [event for event in events(result) if event["total"]]
    assert found
    assert all(event["event"] == "progress" and text in event["text"] for event in found)
    assert [event["done"] for event in found] == sorted(event["done"] for event in found)
    assert found[-1]["done"] == found[-1]["total"]
    assert "{" not in result.stdout


@pytest.fixture
def mask(write_scene):
    pixels = np.zeros((1, 200, 300), np.uint8)
    pixels[0, 96:104] = 3
    return write_scene(pixels, "mask.tif")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["roads", "mask.tif", "--class", 3, "-o", "roads.gpkg"], "tracing roads"),
        (["polygons", "mask.tif", "-o", "areas.gpkg"], "tracing borders"),
        (["resize", "mask.tif", "half.tif", "--scale", 0.5], "resizing"),
        (["evaluate", "rasters", "mask.tif", "mask.tif"], "evaluating"),
        (["tile", "mask.tif", "mask.tif", "-o", "chips"], "cutting"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_every_command_tells_how_far_it_is(invoke, mask, monkeypatch, command, text):
    """Each command that takes long prints events that a program can follow, and none unless asked."""
    monkeypatch.chdir(mask.parent)
    check(invoke("--json-progress", *command), text)
    again = {"evaluate": [], "tile": ["-o", "others"]}.get(command[0], ["--overwrite"])
    assert not events(invoke(*command, *again))


def test_prediction_tells_how_far_it_is(invoke, write_scene, noise, tmp_path):
    """A prediction counts the pixels of its scene, and its result is that without progress."""
    scene = write_scene(noise(90, 100))
    check(invoke("--json-progress", "predict", scene, "-o", tmp_path / "one", "--no-roads"), "scene.tif")
    assert not events(invoke("predict", scene, "-o", tmp_path / "two", "--no-roads"))
    one, two = ((tmp_path / name / "scene_classes.tif").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_batch_tells_how_far_it_is(invoke, write_scene, noise, tmp_path):
    """A batch counts the pixels of all its scenes."""
    scenes = [write_scene(noise(90, 100), f"scene_{number}.tif") for number in range(2)]
    choices = ["-o", tmp_path / "maps", "--no-roads"]
    check(invoke("--json-progress", "batch", *scenes, *choices), "of 2 scenes")


def test_lines_do_not_grow_with_the_work(invoke, capsys):
    """A million steps are a few hundred lines; a new text without a known total is a line of its own."""
    report = json_progress()
    report(0, 0, "compiling")
    report(0, 0, "compiling")
    for done in range(0, 1_000_001, 100):
        report(done, 1_000_000, f"row {done}")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 1 + 201
    assert lines[0] == {"event": "progress", "text": "compiling", "done": 0, "total": 0}
    assert lines[-1]["done"] == 1_000_000
