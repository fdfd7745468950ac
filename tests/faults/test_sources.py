"""Scenes that change, go or cannot be read in mid-run, and servers that send half: one sentence, no plausible map."""

import os
import shutil
import subprocess

import numpy as np
import pytest
import rasterio
from executors import on_executors
from processes import WAIT, contents, environment, one_sentence, shipped, start
from web_server import serving

from geoseg.rasters.opening.open import unplaced

IMPATIENT = {
    "GDAL_HTTP_LOW_SPEED_TIME": "1",
    "GDAL_HTTP_MAX_RETRY": "1",
    "GDAL_HTTP_RETRY_DELAY": "0.1",
    "CPL_VSIL_CURL_CACHE_SIZE": "100000",  # bytes: less than the scene, which the plan has seen all of
}


@pytest.fixture
def words(write_scene, bundle, noise, tmp_path):
    """Arguments of a prediction of a scene that is read piece by piece."""
    scene = write_scene(noise(4000, 90), blockysize=16)
    return "predict", scene, "-m", bundle, "-q", "-o", tmp_path / "out"


@pytest.fixture
def expected(words, in_peace):
    """Results of the scene as it was."""
    return in_peace(*words)


def replace(scene):
    """Put another scene of the same size in its place, as a synchronising program does."""
    other = scene.with_name("other.tif")
    other.write_bytes(scene.read_bytes()[:-1] + b"\x07")
    os.utime(other, (1, 1))
    other.replace(scene)


def truncate(scene):
    """Cut the file off, as a program does that writes it again."""
    os.truncate(scene, 20_000)


CHANGES = {"replaced": (replace, "has changed"), "cut": (truncate, ""), "gone": (os.unlink, "")}


@on_executors("change, reason", CHANGES, devices=["replaced"], dask=["gone"])
def test_a_scene_that_changes(words, executor, expected, gate, tmp_path, change, reason):
    """A scene that is replaced, cut off or removed in mid-run ends it; put back, it is predicted to the same bytes."""
    scene = words[1]
    shutil.copy2(scene, tmp_path / "kept.tif")
    command = executor.command(*words, held=True)
    with start(command, **executor.environment, **gate.environment) as process:
        gate.wait()
        change(scene)
        gate.open()
        _, text = process.communicate(timeout=WAIT)
    assert process.returncode == 3, text
    one_sentence(text, str(scene), reason)
    # What is not there may come back.
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".scene.geoseg"] * (change is os.unlink)
    shutil.copy2(tmp_path / "kept.tif", scene)
    assert executor.finish(*words) == (0, "")
    assert contents(tmp_path / "out") == expected


ANSWERS = {
    "half": ({"cut": [20_000] * 1000}, "its connection broke"),
    "503": ({"codes": [503] * 1000}, "cannot be read"),
    "silence": ({"silent_from": 1}, "did not answer within 1 s"),
}


@on_executors("behaviour, reason", ANSWERS, devices=["half"], dask=["silence"])
def test_a_failing_server(words, executor, expected, gate, tmp_path, behaviour, reason):
    """Answers that break off, are errors or stay away, time after time, end a run; the same command completes it."""
    served = tmp_path / "served"
    served.mkdir()
    shutil.move(words[1], served / "scene.tif")
    with serving(served) as server:
        words = "predict", server.url("scene.tif"), *words[2:]
        command = executor.command(*words, held=True)
        with start(command, **executor.environment, **IMPATIENT, **gate.environment) as process:
            gate.wait()
            server.behave(**behaviour)
            gate.open()
            _, text = process.communicate(timeout=WAIT)
        assert process.returncode == 3, text
        one_sentence(text, server.url("scene.tif"), reason)
        assert [path.name for path in (tmp_path / "out").iterdir()] == [".scene.geoseg"]
        server.behave(cut=[], codes=[], silent_from=None)
        assert executor.finish(*words, **IMPATIENT) == (0, "")
    assert contents(tmp_path / "out") == expected


def test_two_runs(words, executor, expected, gate, tmp_path):
    """A second run that would write the same results is turned away, and does not disturb the first."""
    command = executor.command(*words, held=True)
    with start(command, **executor.environment, **gate.environment) as process:
        gate.wait()
        code, text = executor.finish(*words)
        assert code == 5, text
        one_sentence(text, str(tmp_path / "out"), "another process is writing")
        gate.open()
        _, text = process.communicate(timeout=WAIT)
    assert (process.returncode, text) == (0, "")
    assert contents(tmp_path / "out") == expected


@pytest.fixture
def bad_disk(tmp_path):
    """Run a command with a folder on a disk whose last part cannot be read."""
    needs = all(map(shutil.which, ("mkfs.ext4", "unshare"))) and os.geteuid() == 0
    if not needs:
        pytest.skip("no disk can be made here: that needs root, mkfs.ext4 and unshare")

    def run(scene, folder, command, **changes):
        folder.mkdir()
        image = tmp_path / "disk.img"
        script = f"""
set -e
truncate -s 4M {image}
mkfs.ext4 -q -b 1024 {image}
mount -o loop {image} {folder}
cp {scene} {folder}/scene.tif
umount {folder}
mount -o loop,ro {image} {folder}
truncate -s 1M {image}
exec "$@"
"""
        shell = ["unshare", "--mount", "sh", "-c", script, "sh", *command]
        return subprocess.run(shell, capture_output=True, text=True, check=False, env=environment(**changes))

    return run


def test_a_read_error(words, executor, expected, bad_disk, tmp_path):
    """A disk that cannot be read in the middle of a file is an error of the scene."""
    place = tmp_path / "disk"
    command = executor.command("predict", place / "scene.tif", *words[2:])
    done = bad_disk(words[1], place, command, **executor.environment)
    if "mount" in done.stderr:
        pytest.skip(f"no disk can be mounted here: {done.stderr}")
    assert done.returncode == 3, done.stderr
    one_sentence(done.stderr, str(place / "scene.tif"), "cannot be read")
    assert not list((tmp_path / "out").glob("*"))
    assert executor.finish(*words) == (0, "")
    assert contents(tmp_path / "out") == expected


def test_a_picture_with_a_read_error(bad_disk, tmp_path):
    """A disk that cannot be read in the middle of a JPEG, which is searched for its end, does not end the process."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, 1200, 1200), dtype=np.uint8)
    with (
        unplaced(),
        rasterio.open(
            tmp_path / "scene.jpg", "w", driver="JPEG", count=3, height=1200, width=1200, dtype="uint8", quality=100
        ) as picture,
    ):
        picture.write(pixels)
    done = bad_disk(tmp_path / "scene.jpg", tmp_path / "disk", shipped("info", tmp_path / "disk" / "scene.tif"))
    if "mount" in done.stderr:
        pytest.skip(f"no disk can be mounted here: {done.stderr}")
    assert done.returncode == 3, done.stderr
    one_sentence(done.stderr, "scene.tif cannot be read")
