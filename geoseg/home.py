"""Folders of the user; there may be no home folder, as in some containers."""

import errno
import os
import stat
import sys
import tempfile
from pathlib import Path


def expanded(path: str | Path) -> Path:
    """Replace a leading `~` by the user's home folder; without one, return the path unchanged."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - `Path.expanduser` raises then


def has_home() -> bool:
    """Whether the user has a home folder."""
    return expanded("~") != Path("~")


def user_folder(variable: str, default: str) -> Path:
    """Return the folder named by an environment variable, or else `default`, which begins with `~/`.

    Without a home folder, a private folder in the system's temporary folder stands in for it. Raises OSError if others
    could have written to that folder, since files read from it may be run as code.
    """
    found = expanded(os.environ.get(variable) or default)
    if found.parts[:1] == ("~",):
        return _private(Path(tempfile.gettempdir())).joinpath(*found.parts[1:])
    return found


def _private(temporary: Path) -> Path:
    """Create a folder that only the user can write to among the temporary files, or check that an existing one is."""
    if sys.platform == "win32":  # where each user has temporary files of their own
        folder = temporary / "geoseg"
        folder.mkdir(exist_ok=True)
        return folder
    folder = temporary / f"geoseg-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", str(folder)) from None
        if found.st_uid != os.getuid():
            raise PermissionError(errno.EACCES, "it belongs to another user", str(folder)) from None
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(errno.EACCES, "other users can write to it", str(folder)) from None
    return folder
