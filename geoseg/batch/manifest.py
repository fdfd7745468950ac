"""The manifest of a batch: the outcome of each scene, one JSON line per change, so that a rerun knows what is left."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Literal

from geoseg.errors import OutputError
from geoseg.files import check_outputs, lock, sha256_of, writing

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MANIFEST = "manifest.jsonl"
"""Name of the file in a batch's folder."""
_START = b'{"scene": '
"""Start of each line."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """A result on disk, as it was written."""

    path: str
    """Relative to the batch's folder."""
    bytes: int
    sha256: str

    def unchanged(self, folder: Path) -> bool:
        """Whether the file still has the same content; reads the whole file if its size is the same.

        False for a file that cannot be read.
        """
        path = folder / self.path
        try:
            return path.is_file() and path.stat().st_size == self.bytes and sha256_of(path) == self.sha256
        except OSError:
            return False


@dataclass(frozen=True, kw_only=True)
class Area:
    """Pixels, share and ground area of one class, or of unknown pixels."""

    name: str
    colour: str
    """As `#4a4a4a`."""
    pixels: int
    share: float
    """Fraction of the valid pixels, 0 to 1."""
    area_m2: float | None
    """None if it cannot be measured."""


@dataclass(frozen=True, kw_only=True)
class Roads:
    """Size of a road network."""

    count: int
    """Number of edges."""
    length_km: float | None
    """Geodesic length."""


@dataclass(frozen=True, kw_only=True)
class Joint:
    """A stretch that all scenes of a batch share."""

    stretch: str
    """In the form of the option `stretch`."""
    of: str
    """Its basis in words: the bands, and the values left out. It does not apply to any others."""
    values: str
    """Kind of the values: physical, or of a data type."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """The outcome of one scene."""

    scene: str
    """Source as given, absolute if it is on disk, without the secrets of a URL."""
    name: str
    """Name of its results."""
    state: Literal["done", "failed"]
    started: str
    """UTC, ISO 8601."""
    ended: str
    """UTC, ISO 8601."""
    seconds: float
    stages: dict[str, float] = field(default_factory=dict)
    """Busy seconds of each stage; they overlap."""
    pixels: int = 0
    """Pixels of the model's grid that the scene has; 0 if it could not be planned."""
    outputs: tuple[Output, ...] = ()
    """Results; of a failed scene, those of an earlier batch that it would have replaced."""
    areas: tuple[Area, ...] = ()
    """In the order of the legend; unknown pixels last."""
    roads: Roads | None = None
    """None if no roads were traced."""
    bounds_lonlat: tuple[float, float, float, float] | None = None
    """West, south, east and north in degrees; None where they are unknown."""
    engine: str | None = None
    """Engine that ran the network."""
    settings: str = ""
    """Digest of all that determines the bytes of the results; empty if the scene could not be planned."""
    joint: Joint | None = None
    """Stretch that all scenes of the batch share; None if they do not share one."""
    error: str | None = None
    """One sentence; None if the scene is done."""
    attempts: int = 1

    def changed(self, folder: Path) -> list[str]:
        """Paths of results whose content has changed since they were written."""
        return [output.path for output in self.outputs if not output.unchanged(folder)]


def describe_output(path: Path, folder: Path) -> Output:
    """Describe a result on disk, with its checksum."""
    return Output(path=path.relative_to(folder).as_posix(), bytes=path.stat().st_size, sha256=sha256_of(path))


@dataclass(frozen=True, kw_only=True, eq=False)
class Manifest:
    """The open manifest of a running batch."""

    path: Path
    records: dict[str, Record]
    """The last record of each scene, by `scene`, in the order of their first records; without scenes whose results were
    replaced by another scene's."""
    done: dict[str, Record]
    """The last record of each scene with the state `done`, likewise: a later failure leaves its results in place."""
    _file: BinaryIO
    _owners: dict[str, str]
    """Scene that owns the results of each name."""
    _lock: Lock = field(default_factory=Lock)

    def written_for(self, name: str) -> Record | None:
        """Return the record of the scene that owns the results of a name, if any of these are in the folder."""
        record = self.done.get(self._owners.get(name, ""))
        if record is None or record.name != name:
            return None
        return record if any((self.path.parent / output.path).exists() for output in record.outputs) else None

    def add(self, record: Record) -> None:
        """Append a record, from any thread, and wait until it is on disk.

        If that fails, raises OutputError and leaves the file unchanged.
        """
        line = json.dumps(asdict(record), ensure_ascii=False, allow_nan=False).encode() + b"\n"
        with self._lock, writing(self.path, advice="; the same command resumes once that is solved"):
            end = self._file.seek(0, os.SEEK_END)
            try:
                if self._file.write(line) < len(line):  # the disk is full
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(self._file.fileno())
            except OSError:
                with suppress(OSError):
                    self._file.truncate(end)
                raise
        _enter(self.records, self.done, self._owners, record)


@contextmanager
def open_manifest(folder: Path) -> Iterator[Manifest]:
    """Open the manifest of a folder, created if missing, and lock it against other batches.

    OutputError if the folder cannot be written, another batch is writing to it, or its manifest cannot be read.
    """
    path = folder / MANIFEST
    check_outputs([path], overwrite=True, create=True, choose="another `folder`")
    with writing(path, advice="; choose another `folder`"):
        folder.mkdir(parents=True, exist_ok=True)
        # Unbuffered: a failed write is not repeated when the file is closed.
        file = path.open("ab+", buffering=0)
    with file:
        with writing(path, advice="; choose another `folder`"):
            lock(file, f"another batch is writing to {folder}; wait for it.")
        records, done, owners, complete = _parse(path)
        with writing(path):  # else the next record would continue a line that a kill or an editor left incomplete
            if complete < path.stat().st_size:
                file.truncate(complete)
            file.seek(max(0, complete - 1))
            if file.read(1) not in {b"", b"\n"}:
                file.write(b"\n")
        yield Manifest(path=path, records=records, done=done, _file=file, _owners=owners)


def read_manifest(folder: Path) -> list[Record]:
    """Return the records of a batch's folder as `Manifest.records` has them; OutputError if it cannot be read."""
    return list(_parse(folder / MANIFEST)[0].values())


def _parse(path: Path) -> tuple[dict[str, Record], dict[str, Record], dict[str, str], int]:
    """Return records, those done and owners as `Manifest` has them, and the number of bytes of all records.

    A last line without a line break counts if it is complete, but not if a kill has cut it off.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OutputError(f"{path} cannot be read ({error.strerror}); choose another `folder`.") from error
    complete = len(content)
    records: dict[str, Record] = {}
    done: dict[str, Record] = {}
    owners: dict[str, str] = {}
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        try:
            record = _format().validate_json(line)
        except ValueError as error:
            rest = line.rstrip(b"\0")  # which a power cut may leave
            if not rest.endswith(b"\n") and rest[: len(_START)] == _START[: len(rest)]:
                complete -= len(line)
                break
            raise OutputError(
                f"line {number} of {path} is not a batch record; remove the line, or choose another `folder`."
            ) from error
        _enter(records, done, owners, record)
    return records, done, owners, complete


def _enter(records: dict[str, Record], done: dict[str, Record], owners: dict[str, str], record: Record) -> None:
    """Add a record; if its scene is done, drop another scene that owned results of the same name."""
    if record.state == "done":
        before = records.get(owners.get(record.name, record.scene))
        if before is not None and before.scene != record.scene and before.name == record.name:
            del records[before.scene]
            done.pop(before.scene, None)
        owners[record.name] = record.scene
        done[record.scene] = record
    records[record.scene] = record


@cache
def _format() -> "TypeAdapter[Record]":
    from pydantic import TypeAdapter  # slow

    return TypeAdapter(Record)
