"""Folders in which files are made, beside those that they become: removed at the end, or by the next process."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

WORK = ".geoseg-"
"""Prefix of work folders."""
IN_USE: set[Path] = set()
"""Work folders and temporary folders of this process."""


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
        IN_USE.add(folder)
        try:
            yield folder
        finally:
            IN_USE.discard(folder)
            with suppress(FileNotFoundError):
                shutil.rmtree(folder)
    finally:
        os.close(handle)


def remove_work_folders() -> None:
    """Remove the work folders and temporary folders of this process, which is about to end in the middle of it."""
    for folder in tuple(IN_USE):
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
