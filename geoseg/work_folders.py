"""Work folders, next to the results or among temporary files; removed at the end, or by the next process."""

import errno
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from .errors import OutputError
from .locks import locked_as, remove_unlocked

WORK = ".geoseg-"
"""Prefix of work folders."""
_IN_USE: set[Path] = set()
"""Work folders and temporary folders of this process."""
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)


@contextmanager
def work_folder(beside: Path | None) -> Iterator[Path]:
    """Yield a folder in `beside`, or among temporary files, that is removed at the end, also after a signal.

    Folders left there by killed processes of this machine are removed first.
    """
    place = Path(tempfile.gettempdir() if beside is None else beside)
    _remove_left(place)
    made = Path(tempfile.mkdtemp(prefix=WORK, dir=place))
    folder = made.with_name(made.name.replace(WORK, _ours(), 1))
    try:
        with locked_as(made, folder.name):
            _IN_USE.add(folder)
            yield folder
    finally:
        _IN_USE.discard(folder)
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


@contextmanager
def temporary_folder(
    place: str | None = None, *, of: str = "", advice: str = "set the environment variable TMPDIR to another"
) -> Iterator[Path]:
    """Yield a folder among the system's temporary files, or in `place`, that is removed at the end.

    For files that are written nowhere else. If it is full or cannot be written, an OutputError names it; `of` says
    whose it is.
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
    """Remove the work folders and temporary folders of this process, which is about to end early."""
    for folder in tuple(_IN_USE):
        shutil.rmtree(folder, ignore_errors=True)


def _ours() -> str:
    """Prefix of this machine's work folders: other machines may not see that they are locked."""
    return f"{WORK}{platform.node()}-"


@cache
def _remove_left(place: Path) -> None:
    """Remove the work folders left in a folder by killed processes of this machine."""
    with suppress(OSError):  # it may be missing, or writable but not readable
        for left in (path for path in place.iterdir() if path.name.startswith(_ours())):
            with suppress(OSError):  # of another user, or locked
                remove_unlocked(left)
