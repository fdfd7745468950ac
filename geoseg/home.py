"""Folders of the user, who may have no home, as in some containers."""

import errno
import os
import stat
import tempfile
from pathlib import Path


def expanded(path: str | Path) -> Path:
    """Replace a leading `~` by the user's home; a path whose home is not known stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - `Path.expanduser` raises then


def has_home() -> bool:
    """Whether the user has a home."""
    return expanded("~") != Path("~")


def user_folder(variable: str, default: str) -> Path:
    """Return the folder that an environment variable names, or else `default`, which begins with `~/`.

    A user without a home has it among the temporary files, in a folder that is made so that nobody else can enter it.
    OSError if others could have written to a folder of that name: what is read there may run as code.
    """
    found = expanded(os.environ.get(variable) or default)
    if found.parts[:1] == ("~",):
        return _private(Path(tempfile.gettempdir(), f"geoseg-{os.getuid()}")).joinpath(*found.parts[1:])
    return found


def _private(folder: Path) -> Path:
    """Create a folder of the user alone, or check that it is one."""
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
