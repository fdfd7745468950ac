"""Folders to make files in, removed at the end or by the next process: beside what they become, or temporary."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from .errors import OutputError

WORK = ".geoseg-"
"""Prefix of work folders."""
_IN_USE: set[Path] = set()
"""Work folders and temporary folders of this process."""
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)


@contextmanager
def work_folder(beside: Path | None) -> Iterator[Path]:
    """Yield a folder in `beside`, or among temporary files, that is removed at the end, also if a signal is the end.

    Those that processes of this machine had there when they were killed are removed first.
    """
    place = Path(tempfile.gettempdir() if beside is None else beside)
    _remove_left(place)
    made = Path(tempfile.mkdtemp(prefix=WORK, dir=place))
    handle = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # network disks may not let it be held: there, none is removed either
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Held before it has a name by which it might be taken for one that is left.
        folder = made.rename(made.with_name(made.name.replace(WORK, _ours(), 1)))
        _IN_USE.add(folder)
        try:
            yield folder
        finally:
            _IN_USE.discard(folder)
            with suppress(FileNotFoundError):
                shutil.rmtree(folder)
    finally:
        os.close(handle)


@contextmanager
def temporary_folder(
    place: str | None = None, *, of: str = "", advice: str = "set the environment variable TMPDIR to another"
) -> Iterator[Path]:
    """Yield a folder among the system's temporary files, or in `place`, which is removed at the end.

    For what is written nowhere else: an OutputError names the temporary folder, and whose it is, if it is full or
    cannot be written.
    """
    named = f"the temporary folder{of}" if place is None else f"the temporary folder {place}{of}"
    try:
        beside = place or tempfile.gettempdir()
        made = tempfile.TemporaryDirectory(dir=beside, prefix="geoseg-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _without_room(named, error.strerror, advice) from error
    named = f"the temporary folder {beside}{of}"
    with made as name:
        folder = Path(name)
        _IN_USE.add(folder)
        try:
            yield folder
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            raise _without_room(named, error.strerror, advice) from error
        except OutputError as error:
            if name not in str(error):
                raise
            reason = str(error.__cause__.strerror if isinstance(error.__cause__, OSError) else error)
            raise _without_room(named, reason, advice) from error
        finally:
            _IN_USE.discard(folder)


def _without_room(named: str, reason: str | None, advice: str) -> OutputError:
    return OutputError(f"{named} cannot be written ({reason}); make room there, or {advice}.")


def remove_work_folders() -> None:
    """Remove the work folders and temporary folders of this process, which is about to end in the middle of it."""
    for folder in tuple(_IN_USE):
        shutil.rmtree(folder, ignore_errors=True)


def _ours() -> str:
    """Prefix of work folders of this machine: another one may not see that they are held."""
    return f"{WORK}{os.uname().nodename}-"


@cache
def _remove_left(place: Path) -> None:
    """Remove the work folders in a folder that killed processes of this machine have left there."""
    with suppress(OSError):  # it may be missing, or one to write to and not to list
        for left in (path for path in place.iterdir() if path.name.startswith(_ours())):
            with suppress(OSError):  # of another user, or held
                _remove_unless_held(left)


def _remove_unless_held(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)
