"""Write files atomically, refuse to replace existing ones, lock them, and take their checksums.

Writing to a link replaces its target; devices and pipes are written to directly.
"""

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from typing import IO, Any

from .errors import DataError, OutputError
from .locks import lock_file
from .work_folders import WORK, work_folder
from .write_errors import in_plain_words

_SEEKABLE = {".tif", ".tiff", ".gpkg", ".fgb", ".parquet", ".onnx", ".bin", ".tflite", ".keras", ".h5"}
"""Endings of formats that need random access."""
_APPLIED = {".gpkg": ("-wal", "-shm", "-journal"), ".tif": (".msk", ".ovr"), ".tiff": (".msk", ".ovr")}
"""What SQLite and GDAL leave beside a file of an ending, and would apply to the one that replaces it."""

_LONGER = {".gpkg": "-journal", ".fgb": "_temp", ".tif": ".aux.xml", ".tiff": ".aux.xml"}
"""The longest that SQLite and GDAL add to the name of a file, while they write it or for its sidecar."""
_SQLITE = 411
"""Most bytes of the path of a GeoPackage: SQLite opens 511, of which work folder and journal take some."""

LONGEST_NAME = 200
"""Bytes of a name that becomes a file name, which leaves room for endings."""


def is_file_name(text: str) -> bool:
    """Whether a text is a file name wherever it is used: no slashes, nothing invisible, not too long."""
    named = text not in ("", ".", "..") and text.isprintable() and not set(text) & set("/\\")
    return named and len(text.encode()) <= LONGEST_NAME


def direct(path: str) -> str:
    """Return the absolute path of a file without `.` and `..`, unless a link makes that another file."""
    short = os.path.abspath(path)  # noqa: PTH100 - `Path.absolute` keeps `..`
    with suppress(OSError):
        if os.path.samefile(short, path):  # noqa: PTH121
            return short
    return str(Path(path).absolute())


def check_suffix(path: Path, suffix: str) -> None:
    """Raise OutputError if the name of a file to write does not end in `suffix`."""
    if path.suffix != suffix:
        raise OutputError(f"{path} has the wrong suffix; use a name that ends in {suffix}.")


def check_outputs(
    paths: Iterable[Path], *, overwrite: bool, create: bool = False, choose: str = "another name"
) -> None:
    """Raise OutputError for files that cannot be written, before any work is done.

    With `overwrite` files may exist, with `create` their folders may be missing; messages advise to choose `choose`.
    """
    for path in paths:
        place = _place(path)
        ground = next(folder for folder in (*place.parents, place) if os.path.lexists(folder))
        if not ground.is_dir():
            raise OutputError(f"{ground} is not a folder; choose another.")
        if ground != place.parent and not create:
            raise OutputError(f"{path.parent} is not a folder; create it first.")
        with writing(path, advice=f"; choose {choose}"):
            with suppress(FileNotFoundError):
                (ground / (place.name + _LONGER.get(place.suffix.lower(), ""))).lstat()  # the name may be too long
            if path.suffix.lower() == ".gpkg" and len(os.fsencode(place)) > _SQLITE:
                raise OSError(errno.ENAMETOOLONG, f"its path has more than {_SQLITE} bytes, too many for SQLite")
            if path.is_dir():
                raise OutputError(f"{path} is a folder; choose {choose}.")
            if _is_stream(path):
                if path.suffix.lower() in _SEEKABLE:
                    raise OutputError(f"{path} is a device or pipe; {path.suffix} needs a regular file.")
            elif not os.access(ground, os.W_OK | os.X_OK):
                reason = errno.EROFS if _is_read_only(ground) else errno.EACCES
                raise OSError(reason, os.strerror(reason))
        if os.path.lexists(path) and not overwrite:
            raise OutputError(f"{path} exists; choose {choose}, or replace it with `overwrite=True`.")


def check_regular(path: Path) -> None:
    """Raise OSError for a device, pipe or socket, which a reader might wait for without end, or fill memory from."""
    if _is_stream(path):
        raise OSError("it is a device, pipe or socket; it must be a regular file")


@contextmanager
def looking() -> Iterator[None]:
    """Turn an error of looking for input files into a DataError that names the one, or its folder."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{error.filename} cannot be opened ({error.strerror or error}).") from error


@contextmanager
def writing(path: Path, *, advice: str = "") -> Iterator[None]:
    """Turn an error of the operating system into an OutputError that names `path`.

    OSErrors without `errno` pass: they are errors of GDAL, HDF5 or Dask.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise _unwritten(path, error, advice) from error


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path of the same name, whose file replaces `path` at the end; OSErrors become OutputErrors."""
    with whole_files([path]) as folder:
        yield folder / path.name


@contextmanager
def whole_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield a work folder, whose files named like `paths` replace them at the end, in this order.

    OSErrors become OutputErrors.
    """
    try:
        beside = next((_place(path).parent for path in paths if not _is_stream(path)), None)
        if beside is not None:
            beside.mkdir(parents=True, exist_ok=True)
        with work_folder(beside) as folder:
            yield folder
            for path in paths:
                flush(folder / path.name)
            for path in paths:
                publish(folder / path.name, path)
    except OSError as error:
        raise _unwritten(paths[0] if len(paths) == 1 else paths[0].parent, error) from error


def flush(made: Path) -> None:
    """Wait until a file, or all files of a folder, are on disk, which may be full only now; raises OSError.

    Else a power cut could leave the final name without the content.
    """
    for path in (path for path in (made, *made.rglob("*")) if path.is_file()):
        with path.open("r+b") as file:  # Windows flushes only what is open for writing
            os.fsync(file.fileno())


def publish(made: Path, path: Path) -> None:
    """Move a complete file or folder, which `flush` has seen to, to its final name.

    A folder replaces an empty one only. Changes, masks and overviews that belonged to an older file of that name are
    removed.
    """
    if _is_stream(path):
        with made.open("rb") as source, path.open("wb") as stream:
            shutil.copyfileobj(source, stream)
        return
    place = _place(path)
    for beside in {path, place}:
        for ending in _APPLIED.get(path.suffix.lower(), ()):
            discard(beside.with_name(beside.name + ending))
    try:
        made.replace(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with tempfile.TemporaryDirectory(prefix=WORK, dir=place.parent) as near:  # the link leads to another disk
            shutil.move(made, near)
            Path(near, made.name).replace(place)


def write_text(path: Path, text: str) -> None:
    """Write text atomically, in UTF-8."""
    with whole(path) as new:
        new.write_text(text, encoding="utf-8")


def version_of(status: os.stat_result) -> tuple[int, int, int, int]:
    """Return a key for a cache of a file's content: no other file has it, nor the same file once it has changed.

    A file that is moved or copied gets another key, so a cache that outlives the process needs the content itself.
    """
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def lock(file: IO[Any], refusal: str) -> None:
    """Lock an open file until it is closed; OutputError with the sentence `refusal` while another process has it."""
    try:
        lock_file(file)
    except BlockingIOError:
        raise OutputError(refusal) from None


def discard(path: Path) -> None:
    """Remove a file or link if it exists; leave devices and pipes."""
    if not _is_stream(path):
        path.unlink(missing_ok=True)


def _unwritten(path: Path, error: OSError, advice: str = "") -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        error = in_plain_words(error)
        if not advice and not _is_stream(path):
            advice = "; make room there"
    return OutputError(f"{path} cannot be written ({error.strerror or error}){advice}.")


def _is_read_only(folder: Path) -> bool:
    """Whether a folder is on a disk that cannot be written, as far as the system tells."""
    return sys.platform != "win32" and bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _is_stream(path: Path) -> bool:
    """Whether a path is, or links to, a device or pipe, such as /dev/stdout."""
    return path.exists() and not path.is_dir() and not _place(path).is_file()


def _place(path: Path) -> Path:
    """Return the absolute path with links followed."""
    return Path(os.path.realpath(path))
