"""Scenes that change, go or cannot be read in mid-run, and servers that send half: one sentence, no plausible map."""

import os
import shutil
import subprocess

import numpy as np
import pytest
import rasterio
from processes import HELD, WAIT, contents, environment, finish, one_sentence, shipped, stand_in, start
from web_server import serving

import geoseg
from geoseg.rasters.open import unplaced

IMPATIENT = {"GDAL_HTTP_LOW_SPEED_TIME": "1", "GDAL_HTTP_MAX_RETRY": "1", "GDAL_HTTP_RETRY_DELAY": "0.1"}


@pytest.fixture
def words(write_scene, write_bundle, noise, tmp_path):
    """Arguments of a prediction of a scene that is read piece by piece."""
    scene = write_scene(noise(4000, 90), blockysize=16)
    return "predict", scene, "-m", write_bundle(), "-q", "-o", tmp_path / "out"


@pytest.fixture
def expected(words, echo, tmp_path):
    """Results of the scene as it was."""
    geoseg.predict(words[1], model=words[3], folder=tmp_path / "whole", load=echo)
    return contents(tmp_path / "whole")


def replace(scene):
    """Put another scene of the same size in its place, as a synchronising program does."""
    other = scene.with_name("other.tif")
    other.write_bytes(scene.read_bytes()[:-1] + b"\x07")
    os.utime(other, (1, 1))
    other.replace(scene)


def truncate(scene):
    """Cut the file off, as a program does that writes it again."""
    os.truncate(scene, 20_000)


@pytest.mark.parametrize(
    ("change", "reason"), [(replace, "has changed"), (truncate, ""), (os.unlink, "")], ids=["replaced", "cut", "gone"]
)
def test_a_scene_that_changes(words, expected, tmp_path, change, reason):
    """A scene that is replaced, cut off or removed in mid-run ends it; put back, it is predicted to the same bytes."""
    scene = words[1]
    shutil.copy2(scene, tmp_path / "kept.tif")
    with start(stand_in(*words, first=HELD)) as process:
        assert process.stdout.readline() == "scoring\n"
        change(scene)
        _, text = process.communicate("\n" * 10_000, timeout=WAIT)
    assert process.returncode == 3, text
    one_sentence(text, str(scene), reason)
    assert not list((tmp_path / "out").glob("scene*"))
    shutil.copy2(tmp_path / "kept.tif", scene)
    assert finish(stand_in(*words)) == (0, "")
    assert contents(tmp_path / "out") == expected


def test_a_server_that_sends_half(words, echo, tmp_path):
    """Answers that break off, time after time, end the run; once the server is well, the same command completes it."""
    served = tmp_path / "served"
    served.mkdir()
    shutil.move(words[1], served / "scene.tif")
    with serving(served) as server:
        geoseg.predict(server.url("scene.tif"), model=words[3], folder=tmp_path / "whole", load=echo)
        command = stand_in("predict", server.url("scene.tif"), *words[2:])
        server.behave(cut=[20_000] * 1000)
        code, text = finish(command, **IMPATIENT)
        assert code == 3, text
        one_sentence(text, server.url("scene.tif"), "cannot be read")
        assert not list((tmp_path / "out").glob("scene*"))
        server.behave(cut=[])
        assert finish(command, **IMPATIENT) == (0, "")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_two_runs(words, expected, tmp_path):
    """A second run that would write the same results is turned away, and does not disturb the first."""
    with start(stand_in(*words, first=HELD)) as process:
        assert process.stdout.readline() == "scoring\n"
        code, text = finish(stand_in(*words))
        assert code == 5, text
        one_sentence(text, str(tmp_path / "out"), "another process is writing")
        _, text = process.communicate("\n" * 10_000, timeout=WAIT)
    assert (process.returncode, text) == (0, "")
    assert contents(tmp_path / "out") == expected


@pytest.fixture
def bad_disk(tmp_path):
    """Run a command with a folder on a disk whose last part cannot be read."""
    needs = all(map(shutil.which, ("mkfs.ext4", "unshare"))) and os.geteuid() == 0
    if not needs:
        pytest.skip("no disk can be made here: that needs root, mkfs.ext4 and unshare")

    def run(scene, folder, command):
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
        return subprocess.run(shell, capture_output=True, text=True, check=False, env=environment())

    return run


def test_a_read_error(words, expected, bad_disk, tmp_path):
    """A disk that cannot be read in the middle of a file is an error of the scene."""
    place = tmp_path / "disk"
    done = bad_disk(words[1], place, stand_in("predict", place / "scene.tif", *words[2:]))
    if "mount" in done.stderr:
        pytest.skip(f"no disk can be mounted here: {done.stderr}")
    assert done.returncode == 3, done.stderr
    one_sentence(done.stderr, str(place / "scene.tif"), "cannot be read")
    assert not list((tmp_path / "out").glob("scene*"))
    assert finish(stand_in(*words)) == (0, "")
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
