"""Folders of the user, who may have no home, as in some containers."""

import os
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

    A user without a home has it among the temporary files.
    """
    found = expanded(os.environ.get(variable) or default)
    if found.parts[:1] == ("~",):
        return Path(tempfile.gettempdir(), f"geoseg-{os.getuid()}", *found.parts[1:])
    return found
