"""The manifest: appended a line a change, read back, locked, whole after a kill."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from geoseg.batch.manifest import (
    MANIFEST,
    Area,
    Output,
    Record,
    Roads,
    describe_output,
    open_manifest,
    read_manifest,
)
from geoseg.errors import OutputError

DONE = Record(
    scene="/scenes/ö\u2028.tif",  # which other programs take for the end of a line
    name="ö",
    state="done",
    started="2025-05-01T21:00:00+00:00",
    ended="2025-05-01T21:00:02+00:00",
    seconds=2.5,
    stages={"read": 0.5, "network": 1.5},
    pixels=360_000,
    outputs=(Output(path="ö_classes.tif", bytes=3, sha256="ab" * 32),),
    areas=(Area(name="road", colour="#4a4a4a", pixels=90_000, share=0.25, area_m2=90_000.5),),
    roads=Roads(count=3, length_km=0.25),
    bounds_lonlat=(15.0, 48.5, 15.1, 48.6),
    engine="OpenVINO 2025.1, float32, CPU",
    settings="cd" * 32,
)
FAILED = Record(
    scene="/scenes/b.tif", name="b", state="failed", started=DONE.started, ended=DONE.ended, seconds=0.0,
    error="b.tif has no CRS.", attempts=2,
)  # fmt: skip


def test_records_are_read_back(tmp_path):
    """Every field of a record comes back, of done and failed scenes, from lines of plain JSON."""
    with open_manifest(tmp_path / "new") as manifest:
        manifest.add(DONE)
        manifest.add(FAILED)
    assert read_manifest(tmp_path / "new") == [DONE, FAILED]
    lines = (tmp_path / "new" / MANIFEST).read_bytes().split(b"\n")
    assert [json.loads(line)["name"] for line in lines[:-1]] == ["ö", "b"]


def test_the_last_record_of_a_scene_counts(tmp_path):
    """A scene that failed and was done later is done, at the place of its first record."""
    later = replace(FAILED, state="done", error=None, attempts=1)
    with open_manifest(tmp_path) as manifest:
        for record in (FAILED, DONE, later):
            manifest.add(record)
        assert manifest.records == {FAILED.scene: later, DONE.scene: DONE}
    assert read_manifest(tmp_path) == [later, DONE]


@pytest.mark.parametrize("cut", [2, 20, 300])
@pytest.mark.parametrize("after", [b"", b"\0\0"])
def test_a_line_that_a_kill_cut_off(tmp_path, cut, after):
    """A part of a line counts for nothing, and the next run's lines are not appended to it, nor to zeros after it."""
    with open_manifest(tmp_path) as manifest:
        manifest.add(DONE)
        manifest.add(FAILED)
    path = tmp_path / MANIFEST
    path.write_bytes(path.read_bytes()[:-cut] + after)
    assert read_manifest(tmp_path) == [DONE]
    with open_manifest(tmp_path) as manifest:
        manifest.add(FAILED)
    assert read_manifest(tmp_path) == [DONE, FAILED]


def test_a_last_line_without_its_end(tmp_path):
    """A record counts if an editor has left out the end of its line, and the next is not appended to that line."""
    with open_manifest(tmp_path) as manifest:
        manifest.add(DONE)
    path = tmp_path / MANIFEST
    path.write_bytes(path.read_bytes().rstrip())
    assert read_manifest(tmp_path) == [DONE]
    with open_manifest(tmp_path) as manifest:
        manifest.add(FAILED)
    assert read_manifest(tmp_path) == [DONE, FAILED]


def test_a_file_of_another_program(tmp_path):
    """A file of the manifest's name that is none is refused and kept, with or without an end of its line."""
    (tmp_path / MANIFEST).write_text('{"files": []}')
    with pytest.raises(OutputError, match=r"line 1 .*manifest\.jsonl is not a batch record"), open_manifest(tmp_path):
        pass
    assert (tmp_path / MANIFEST).read_text() == '{"files": []}'


def test_a_line_that_the_disk_had_no_room_for(tmp_path):
    """A record of which a part was written is an error, and the manifest is as before."""
    program = (
        "import resource, signal\n"
        "from pathlib import Path\n"
        "from geoseg.batch.manifest import open_manifest, read_manifest\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "record, = read_manifest(folder)\n"
        f"size = (folder / {MANIFEST!r}).stat().st_size\n"
        "with open_manifest(folder) as manifest:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, size + 40))\n"
        "    manifest.add(record)\n"
    )
    with open_manifest(tmp_path) as manifest:
        manifest.add(DONE)
    second = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "manifest.jsonl cannot be written (No space left on device); the same command resumes" in second.stderr
    assert read_manifest(tmp_path) == [DONE]


@pytest.mark.parametrize("line", ["{", "3", "{}", '{"scene": "a"}', "[" * 100_000])
def test_a_damaged_line(tmp_path, line):
    """A line in the middle that is not a record is named, in place of a rerun that forgets a scene."""
    (tmp_path / MANIFEST).write_text(line + "\n")
    with pytest.raises(OutputError, match=r"line 1 .*manifest\.jsonl is not a batch record"), open_manifest(tmp_path):
        pass


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    """A folder that cannot be locked is an output error."""

    def flock(file, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OutputError, match="Function not implemented"), open_manifest(tmp_path):
        pass


def test_one_batch_at_a_time(tmp_path):
    """A second batch, in this process or another, is refused, and may start when the first has ended."""
    program = f"from geoseg.batch.manifest import *; open_manifest(Path({str(tmp_path)!r})).__enter__()"
    with open_manifest(tmp_path):
        with pytest.raises(OutputError, match="another batch"), open_manifest(tmp_path):
            pass
        second = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert "another batch is writing" in second.stderr
    with open_manifest(tmp_path) as manifest:
        manifest.add(DONE)


def test_changed(tmp_path):
    """A result is unchanged while its bytes are those of the record."""
    path = tmp_path / "part" / "a.tif"
    path.parent.mkdir()
    path.write_bytes(b"abc")
    output = describe_output(path, tmp_path)
    assert output == Output(
        path="part/a.tif", bytes=3, sha256="ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )  # FIPS 180-2, B.1
    record = replace(DONE, outputs=(output,))
    assert record.changed(tmp_path) == []
    for change in (lambda: path.write_bytes(b"abd"), lambda: path.write_bytes(b"abcd"), path.unlink):
        change()
        assert record.changed(tmp_path) == ["part/a.tif"]


def test_a_result_that_cannot_be_read(tmp_path, monkeypatch):
    """A result that is not to be read is not known to be unchanged."""
    (tmp_path / "a.tif").write_bytes(b"abc")
    output = describe_output(tmp_path / "a.tif", tmp_path)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("geoseg.batch.manifest.sha256_of", refuse)
    assert not output.unchanged(tmp_path)


def test_a_folder_that_cannot_be(tmp_path):
    """A file in the place of the folder is an OutputError that names it."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match=r"file is not a folder; choose another\."),
        open_manifest(tmp_path / "file"),
    ):
        pass


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path, monkeypatch):
    """Where a record cannot be stored, the error says so, and the file is as before."""

    def full(_file):
        raise OSError(28, "No space left on device")

    with open_manifest(tmp_path) as manifest:
        manifest.add(DONE)
        before = (tmp_path / MANIFEST).read_bytes()
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(OutputError, match="No space left"):
                manifest.add(FAILED)
        assert (tmp_path / MANIFEST).read_bytes() == before
        assert FAILED.scene not in manifest.records
        manifest.add(FAILED)
    assert read_manifest(tmp_path) == [DONE, FAILED]


def test_results_that_another_scene_replaced(tmp_path):
    """Of two scenes that gave results of one name, the later has them, and reports count the earlier no more."""
    moved = replace(DONE, scene="/scenes/moved/ö.tif")
    with open_manifest(tmp_path) as manifest:
        for record in (DONE, FAILED, replace(moved, state="failed", error="exists", outputs=())):
            manifest.add(record)
        assert DONE.scene in manifest.records
        manifest.add(moved)
        assert list(manifest.records.values()) == [FAILED, moved]
    assert read_manifest(tmp_path) == [FAILED, moved]


def test_results_under_another_name(tmp_path):
    """A scene keeps its record if its results have another name than those that were replaced."""
    renamed, moved = replace(DONE, name="o"), replace(DONE, scene="/scenes/moved/ö.tif")
    with open_manifest(tmp_path) as manifest:
        for record in (DONE, renamed, moved):
            manifest.add(record)
    assert read_manifest(tmp_path) == [renamed, moved]
