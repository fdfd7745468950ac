"""A journal belongs to whatever determines bytes, and to nothing else."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import geoseg
from geoseg.models.bundle import read_card
from geoseg.models.engines.runtime import Runtime
from geoseg.prediction.journal import open_journal
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import Settings
from geoseg.rasters.scene import open_scene

CPU = {"engine": "keras", "version": "1", "precision": "float32", "hardware": "CPU"}
GPUS = CPU | {"precision": "bfloat16", "hardware": "NVIDIA H200", "devices": ("gpu:0", "gpu:1")}


@pytest.fixture
def folder(write_scene, write_bundle, noise, tmp_path):
    """Return a function that names the journal's folder of a run."""
    scene, bundle = open_scene(write_scene(noise(50, 60))), write_bundle()

    def name(runtime, **settings):
        planned = plan(scene, read_card(bundle), Settings(**settings), runtime=Runtime(**runtime))
        return open_journal(tmp_path, planned, bundle).folder

    return name


@pytest.mark.parametrize(
    "change",
    [
        {"engine": "openvino"},
        {"version": "2"},
        {"precision": "float16"},
        {"hardware": "Tesla T4"},
        {"devices": ("cpu:0",)},
    ],
)
def test_what_else_runs_the_network_does_not_resume(folder, change):
    """Another engine, version, precision, kind of hardware, or chosen devices in place of the whole CPU."""
    assert folder(CPU | change) != folder(CPU)


def test_any_number_of_devices_resumes(folder):
    """A run with two GPUs is resumed with one of the same kind."""
    assert folder(GPUS | {"devices": ("gpu:1",)}) == folder(GPUS)


def test_batch_size(folder):
    """Another batch resumes on a CPU, and not on GPUs, whose kernels depend on it."""
    assert folder(CPU, batch_size=4) == folder(CPU)
    assert folder(GPUS, batch_size=4) != folder(GPUS)


@pytest.fixture
def stopped(write_scene, write_bundle, noise, echo, tmp_path):
    """Return arguments of a prediction that was stopped once all pieces were written."""
    choices = {"model": write_bundle(), "folder": tmp_path / "out", "load": echo, "confidence": True}

    def stop(done, total, _):
        if done == total:
            raise KeyboardInterrupt

    scene = write_scene(noise(200, 60))
    with pytest.raises(KeyboardInterrupt):
        geoseg.predict(scene, **choices, progress=stop)
    return {"source": scene} | choices


def contents(prediction):
    return {path.name: path.read_bytes() for path in prediction.outputs.files}


@pytest.mark.parametrize("layer", ["classes", "confidence", "road"])
def test_pieces_that_are_gone(stopped, tmp_path, layer):
    """A run resumes with what is left of its pieces, whichever layer the missing ones are of."""
    pieces = sorted((tmp_path / "out").glob(f".scene.geoseg/*/{layer}_*.tif"))
    assert len(pieces) > 2
    for piece in pieces[1::2]:
        piece.unlink()
    resumed = geoseg.predict(**stopped)
    assert contents(resumed) == contents(geoseg.predict(**stopped | {"folder": tmp_path / "fresh"}))


def test_pieces_that_are_damaged(stopped, tmp_path):
    """A piece that cannot be read is an error that says what to remove."""
    for piece in (tmp_path / "out").glob(".scene.geoseg/*/road_*.tif"):
        piece.write_bytes(b"")
    with pytest.raises(geoseg.OutputError, match=r"cannot be read; remove .*/out/\.scene\.geoseg and start again\.$"):
        geoseg.predict(**stopped)


def test_a_disk_that_fails_late(stopped, tmp_path, monkeypatch):
    """Where results cannot be written back, none gets its final name, and the same call completes the run."""

    def sync(number):
        if Path(f"/proc/self/fd/{number}").readlink().name.startswith("made_"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", sync)
        with pytest.raises(geoseg.OutputError, match=r"out cannot be written \(No space left on device\); the same"):
            geoseg.predict(**stopped)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".scene.geoseg"]
    resumed = geoseg.predict(**stopped)
    assert contents(resumed) == contents(geoseg.predict(**stopped | {"folder": tmp_path / "fresh"}))


@pytest.mark.parametrize(("step", "part"), [("write_cog", 2**24), ("join_cog", 2**10), ("check_complete", 2**10)])
def test_killed_while_rasters_are_written(stopped, tmp_path, step, part):
    """The next run removes what was half-written before it begins: it would double the disk space that a run needs."""
    script = """
import os, signal, sys
from standins import load_echo
import geoseg
from geoseg.prediction import plan
from geoseg.prediction.results import rasters
from geoseg.rasters import levels

step, part, scene, model, folder = sys.argv[1:]
plan.PART = levels.PART = int(part)
setattr(
    levels if step == "check_complete" else rasters, step, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
)
geoseg.predict(scene, model=model, folder=folder, load=load_echo, confidence=True)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    command = [sys.executable, "-c", script, step, str(part), stopped["source"], stopped["model"], stopped["folder"]]
    killed = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    work = tmp_path / "out" / ".scene.geoseg"
    assert [path for path in work.glob("*/*") if path.is_dir()]
    seen = []
    geoseg.predict(**stopped, progress=lambda *_: seen.extend(path for path in work.glob("*/*") if path.is_dir()))
    assert not seen


@pytest.mark.parametrize("overwrite", [False, True])
def test_killed_while_the_work_folder_is_removed(write_scene, write_bundle, noise, echo, tmp_path, overwrite):
    """What is left of the work folder of a finished run that is killed does not stand in the way of the next."""
    script = """
import os, shutil, signal, sys
from pathlib import Path
from standins import load_echo
import geoseg

def kill(folder, **_):
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    for path in files[::2]:
        path.unlink()
    if files:
        os.kill(os.getpid(), signal.SIGKILL)

shutil.rmtree = kill
geoseg.predict(sys.argv[1], model=sys.argv[2], folder=sys.argv[3], load=load_echo)
"""
    scene, model, out = write_scene(noise(200, 60)), write_bundle(), tmp_path / "out"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    command = [sys.executable, "-c", script, scene, model, out]
    killed = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    made = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert "scene_classes.tif" in made
    assert list(out.glob(".*"))
    if not overwrite:
        with pytest.raises(geoseg.OutputError, match="exists"):
            geoseg.predict(scene, model=model, folder=out, load=echo)
        (out / "scene_classes.tif").unlink()
        (out / "scene_classes.qml").unlink()
        (out / "scene_roads.geojson").unlink()
        (out / "scene_roads.qml").unlink()
    geoseg.predict(scene, model=model, folder=out, load=echo, overwrite=overwrite)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == made
