"""Disks that are full, read-only, gone or unreadable: one sentence, no half result, and the same command completes.

Disks are mounted in a namespace of the command's own, which needs root or unprivileged user namespaces of Linux.
"""

import functools
import os
import re
import shlex
import shutil
import subprocess

import pytest
from executors import on_executors
from processes import WAIT, contents, environment, finish, one_sentence, stand_in, start

NAMESPACE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c"]

LIBTIFF = re.compile(r"^_tiff(Seek|Write|Close)Proc: No space left on device\.\n", re.MULTILINE)
"""What libtiff in GDAL prints by itself, whatever listens to its errors."""


@functools.cache
def can_mount(*how):
    """Whether disks can be mounted here."""
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run([*NAMESPACE, f"mount {shlex.join(how)} /mnt"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture
def disk(tmp_path):
    """Mount a small disk as a folder, and run commands and steps of the shell; returns exit codes and their texts."""
    if not can_mount("-t", "tmpfs", "none"):
        pytest.skip("no disks can be mounted here")

    def run(folder, size, *steps, **changes):
        lines = [f"mount -t tmpfs -o size={size} none {shlex.quote(str(folder))} || exit 99"]
        for number, step in enumerate(steps):
            text = step if isinstance(step, str) else shlex.join(step)
            lines.append(f"({text}) > /dev/null 2> {tmp_path}/stderr{number}; echo $?")
        done = subprocess.run(
            [*NAMESPACE, "\n".join(lines)], env=environment(**changes), capture_output=True, text=True, check=True
        )
        codes = [int(line) for line in done.stdout.split()]
        texts = [(tmp_path / f"stderr{number}").read_text() for number in range(len(codes))]
        return [(code, LIBTIFF.sub("", text)) for code, text in zip(codes, texts, strict=True)]

    return run


@pytest.fixture
def words(write_scene, bundle, noise, tmp_path):
    """Arguments of a prediction of several pieces, whose results take 300 kB."""
    (tmp_path / "out").mkdir()
    return "predict", write_scene(noise(300, 300)), "-m", bundle, "-q", "--probabilities", "-o", tmp_path / "out"


@pytest.fixture
def expected(words, in_peace):
    """Results of a run with room enough."""
    return in_peace(*words)


SIZES = {"8": 8, "200": 200, "600": 600, "1000": 1000}


@on_executors("kilobytes", SIZES, devices=["200"], dask=["1000"])
def test_a_full_disk(words, executor, expected, disk, tmp_path, kilobytes):
    """A disk of any size that is too small is named; nothing has its final name, and with room the run completes."""
    out, command = tmp_path / "out", executor.command(*words)
    full, listed, _, again, _ = disk(
        out, f"{kilobytes}k", command, f"ls {out} 1>&2", f"mount -o remount,size=64m {out}", command,
        f"cp -r {out} {tmp_path}/copy", **executor.environment
    )  # fmt: skip
    assert full[0] == 5, full
    one_sentence(full[1], str(out), "resumes")
    assert "No space left on device" in full[1] or "is the disk full?" in full[1]
    assert listed == (0, "")
    assert again == (0, "")
    assert contents(tmp_path / "copy") == expected


IN_PARTS = """
from geoseg.prediction import plan
from geoseg.rasters import levels
plan.PART = levels.PART = 2**14
"""


@pytest.mark.parametrize("kilobytes", [500, 1100])
def test_a_full_disk_while_parts_are_joined(write_scene, write_bundle, noise, disk, tmp_path, kilobytes):
    """A disk that holds all pieces, but not all parts of the results or not their files, is named, too."""
    (tmp_path / "out").mkdir()
    out = tmp_path / "out"
    words = "predict", write_scene(noise(300, 300)), "-m", write_bundle(), "--probabilities", "-q"
    command = stand_in(*words, "-o", out, first=IN_PARTS)
    assert finish(stand_in(*words, "-o", tmp_path / "whole", first=IN_PARTS)) == (0, "")
    full, listed, _, again, _ = disk(
        out, f"{kilobytes}k", command, f"ls {out} 1>&2", f"mount -o remount,size=64m {out}", command,
        f"cp -r {out} {tmp_path}/copy",
    )  # fmt: skip
    assert full[0] == 5, full
    one_sentence(full[1], str(out), "resumes")
    assert listed == (0, "")
    assert again == (0, "")
    assert contents(tmp_path / "copy") == contents(tmp_path / "whole")


def test_a_read_only_disk(words, executor, expected, disk, tmp_path):
    """A disk that nobody may write to is refused before anything is computed."""
    out, command = tmp_path / "out", executor.command(*words)
    never = executor.command(*words, first="load = 'no network'\n")
    _, refused, _, again, _ = disk(
        out, "64m", f"mount -o remount,ro {out}", never, f"mount -o remount,rw {out}", command,
        f"cp -r {out} {tmp_path}/copy", **executor.environment
    )  # fmt: skip
    assert refused[0] == 5, refused
    one_sentence(refused[1], str(out), "Read-only file system")
    assert again == (0, "")
    assert contents(tmp_path / "copy") == expected


def test_a_full_temporary_folder(words, executor, expected, disk, tmp_path):
    """A prediction needs no temporary folder, unless Keras or workers of Dask keep the model there."""
    place = tmp_path / "temporary"
    place.mkdir()
    ((code, text),) = disk(place, "4k", executor.command(*words), **executor.environment | {"TMPDIR": str(place)})
    if executor.name == "local":
        assert (code, text) == (0, "")
    else:
        assert code == 5, text
        one_sentence(text, str(place), "No space left on device")
        assert executor.finish(*words) == (0, "")
    assert contents(tmp_path / "out") == expected


EVALUATE = """
from geoseg.evaluation.evaluate_model import evaluate_model
evaluate_model.__kwdefaults__["load"] = load
"""


def test_a_full_temporary_folder_of_another_command(write_scene, write_bundle, write_ids, noise, blobs, disk, tmp_path):
    """What is kept in a temporary folder blames that, and says how to choose another."""
    for name in ("images", "labels", "temporary"):
        (tmp_path / name).mkdir()
    write_scene(noise(300, 300), "images/a.tif")
    write_ids(blobs(300, 300), "labels/a.tif")
    words = "evaluate", "model", write_bundle(), tmp_path / "images", tmp_path / "labels"
    command = stand_in(*words, first=EVALUATE)
    place = tmp_path / "temporary"
    full, listed, _, again = disk(
        place, "40k", command, f"ls -A {place} 1>&2", f"mount -o remount,size=64m {place}", command, TMPDIR=str(place)
    )
    assert full[0] == 5, full
    one_sentence(full[1], f"the temporary folder {place} cannot be written", "TMPDIR")
    assert "resumes" not in full[1]
    assert listed == (0, "")
    assert again[0] == 0, again


def test_a_folder_that_goes(words, executor, expected, gate, tmp_path):
    """An output folder that is removed in mid-run ends the run; the same command writes it again."""
    command = executor.command(*words, held=True)
    with start(command, **executor.environment, **gate.environment) as process:
        gate.wait()
        shutil.rmtree(tmp_path / "out")
        gate.open()
        _, text = process.communicate(timeout=WAIT)
    assert process.returncode == 5, text
    one_sentence(text, str(tmp_path / "out"), "No such file or directory", "resumes")
    assert not (tmp_path / "out").exists()
    assert executor.finish(*words) == (0, "")
    assert contents(tmp_path / "out") == expected
