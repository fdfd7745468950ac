"""Devices, pipes and sockets are not read; commands that write leave them, and links, what they are."""

import json
import os
import socket
import stat
from pathlib import Path

import pytest
import rasterio

from geoseg.evaluation import evaluate
from geoseg.prediction.predict import predict_each


@pytest.fixture
def run(invoke, monkeypatch, echo):
    """Run the command line with an echoing network, and return what it printed on standard error."""
    monkeypatch.setitem(predict_each.__kwdefaults__, "load", echo)
    return lambda *arguments, expect=0: invoke(*arguments, expect=expect).stderr


@pytest.fixture
def make_pipe(tmp_path):
    """Make a named pipe with a reader; returns its path and a function that gives what came through."""
    readers = []

    def make(name):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        os.mkfifo(path)
        readers.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        reader = readers[-1]
        return path, lambda: json.loads(os.read(reader, 2**16))

    yield make
    for reader in readers:
        os.close(reader)


NEEDS_A_FILE = [
    ("resize", "CLASSES", "a.tif", "--scale", "2", "--labels"),
    ("polygons", "CLASSES", "-o", "a.gpkg"),
    ("polygons", "CLASSES", "-o", "a.fgb"),
    ("roads", "CLASSES", "-o", "a.parquet"),
    ("models", "export", "aerial", "--format", "onnx", "-o", "a.onnx"),
]


@pytest.mark.parametrize("command", NEEDS_A_FILE, ids=lambda command: f"{command[0]} {command[-1]}")
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_formats_that_need_a_file(run, classes, tmp_path, command, kind):
    """A GeoTIFF, GeoPackage … cannot be a pipe or a device, which stays, for root and with --overwrite, too."""
    if command[0] == "models":
        pytest.importorskip("onnxruntime")
    (name,) = (word for word in command if word.startswith("a."))
    path = tmp_path / name
    if kind == "pipe":
        os.mkfifo(path)
    else:
        try:
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root can make a device")
    words = [classes if word == "CLASSES" else path if word == name else word for word in command]
    assert f"{name} is a device or pipe" in run(*words, "--overwrite", expect=5)
    assert stat.S_ISFIFO(path.stat().st_mode) or path.is_char_device()
    assert {each.name for each in tmp_path.iterdir()} == {classes.name, name}


@pytest.mark.parametrize("command", ["polygons", "roads"])
def test_vectors_into_a_pipe(run, classes, make_pipe, command):
    """GeoJSON goes through a pipe, as a whole."""
    path, received = make_pipe("a.geojson")
    run(command, classes, "-o", path, "--overwrite")
    assert received()["type"] == "FeatureCollection"
    assert path.is_fifo()


def test_evaluation_into_a_pipe(classes, make_pipe):
    """The JSON of an evaluation goes through a pipe."""
    path, received = make_pipe("report/evaluation.json")
    written = evaluate(classes, classes).write(path.parent, overwrite=True)
    assert received()
    assert path.is_fifo()
    assert [each.is_file() for each in written] == [False, True, True]


def test_prediction_into_pipes_and_links(run, write_scene, write_bundle, noise, tmp_path, make_pipe):
    """The roads go through a pipe; what a link leads to is replaced; a pipe in a raster's place is refused."""
    scene, model, out = write_scene(noise(20, 20)), write_bundle(), tmp_path / "out"
    pipe, received = make_pipe("out/scene_roads.geojson")
    (tmp_path / "elsewhere.tif").write_text("old")
    link = out / "scene_classes.tif"
    link.symlink_to("../elsewhere.tif")
    run("predict", scene, "-m", model, "-o", out, "-q", "--overwrite")
    assert received()["type"] == "FeatureCollection"
    assert pipe.is_fifo()
    assert link.is_symlink()
    with rasterio.open(tmp_path / "elsewhere.tif") as raster:
        assert raster.shape == (20, 20)
    other, _ = make_pipe("out/scene_confidence.tif")
    text = run("predict", scene, "-m", model, "-o", out, "-q", "--confidence", "--overwrite", expect=5)
    assert "scene_confidence.tif is a device or pipe" in text
    assert other.is_fifo()


def test_resize_of_a_link(run, classes, tmp_path):
    """A link to a raster stays one; the raster is replaced, with what GDAL laid beside it under either name."""
    file, link = tmp_path / "file.tif", tmp_path / "link.tif"
    for name in ("file.tif", "file.tif.ovr", "link.tif.aux.xml"):
        (tmp_path / name).write_text("old")
    link.symlink_to(file)
    run("resize", classes, link, "--scale", "2", "--labels", "--overwrite")
    assert link.is_symlink()
    with rasterio.open(file) as raster:
        assert raster.shape == (80, 120)
    assert {path.name for path in tmp_path.iterdir()} == {classes.name, "file.tif", "link.tif"}


def test_folders_of_devices(run, write_scene, write_bundle, noise, classes, tmp_path):
    """Where a folder is asked for, a pipe is none."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for words in (
        ("tile", classes, classes),
        ("predict", write_scene(noise(20, 20)), "-m", write_bundle(), "--overwrite"),
    ):
        assert "pipe is not a folder" in run(*words, "-o", pipe, expect=5)
        assert pipe.is_fifo()


def test_a_card_on_a_full_device(run, tmp_path):
    """A device that takes nothing is a sentence, and stays."""
    path = tmp_path / "full"
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
    except PermissionError:
        pytest.skip("only root can make a device")
    text = run("models", "card", "aerial", "-o", path, "--overwrite", expect=5)
    assert text == f"geoseg: {path} cannot be written (No space left on device).\n"
    assert Path(path).is_char_device()


READING = [
    ("predict", "PIPE.tif", 3),
    ("info", "PIPE.tif", 3),
    ("info", "PIPE.keras", 4),
    ("roads", "PIPE.tif", "-o", "a.geojson", "--class", "1", 3),
    ("polygons", "PIPE.tif", "-o", "a.geojson", 3),
    ("resize", "PIPE.tif", "a.tif", "--scale", "2", 3),
    ("evaluate", "rasters", "PIPE.tif", "CLASSES", 3),
    ("evaluate", "roads", "PIPE.geojson", "PIPE.geojson", 3),
    ("predict", "CLASSES", "-m", "PIPE.keras", 4),
    ("info", "CLASSES", "--bands", "1,1,1", "--aoi", "PIPE.geojson", 3),
    ("train", "PIPE.toml", "-o", "run", 2),
]


@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize("command", READING, ids=lambda command: " ".join(command[:2]))
def test_reading(run, classes, tmp_path, monkeypatch, command, kind):
    """What would be waited for without end is one sentence, whatever it is read as; nothing is written."""
    monkeypatch.chdir(tmp_path)
    *words, code = command
    (name,) = {word for word in words if word.startswith("PIPE")}
    if kind == "pipe":
        os.mkfifo(name)
    else:
        with socket.socket(socket.AF_UNIX) as place:
            place.bind(name)
    text = run(*(classes if word == "CLASSES" else word for word in words), expect=code)
    assert len(text.strip().splitlines()) == 1, text
    assert name in text
    assert "it is a device, pipe or socket; it must be a regular file" in text
    assert {each.name for each in tmp_path.iterdir()} == {classes.name, name}
