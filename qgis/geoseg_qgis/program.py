"""Find the geoseg command and its version. Does not need QGIS."""

from __future__ import annotations

import os
import re
import subprocess
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

from .runner import ask
from .systems import SYSTEM

MENU = "Raster ▸ geoseg ▸ Set up…"
VARIABLE = "GEOSEG_COMMAND"
"""Environment variable that names the command, for machines without a display."""


class ProgramError(Exception):
    """The geoseg command cannot be used; the text is a message for the user, with advice."""

    def __init__(self, found: str, advice: str = "") -> None:
        super().__init__(f"{found}{advice}")
        self.found = found if found.endswith(".") else f"{found}."
        """The problem without the advice, which the dialog that shows it makes superfluous."""


@dataclass(frozen=True)
class Program:
    """A geoseg command that can be run."""

    path: Path
    version: str

    def __str__(self) -> str:
        """Return the version and where the command is."""
        return f"geoseg {self.version} ({self.path})"


def required_version() -> str:
    """Return the version of geoseg that this plugin needs: the plugin's own."""
    metadata = ConfigParser(interpolation=None)
    metadata.read(Path(__file__).with_name("metadata.txt"), encoding="utf-8")
    return metadata["general"]["version"]


def find_program(chosen: str, environment: Path) -> Program:
    """Return the command named by the environment variable or the user, or else that of the plugin's own environment.

    A folder is taken as a Python environment. Raises ProgramError if there is no command, it does not start, or its
    version does not match the plugin's in the first two numbers.
    """
    named = os.environ.get(VARIABLE) or chosen
    path = Path(named).expanduser() if named else SYSTEM.command_in(environment)
    if path.is_dir():
        path = SYSTEM.command_in(path)
    if not path.is_file():
        if named:
            raise ProgramError(
                f"There is no file {path}", f"; choose the geoseg command in {MENU}, or install geoseg there."
            )
        raise ProgramError(
            "geoseg is not set up yet", f": choose {MENU}, or, without a window, set {VARIABLE} to its command."
        )
    version = _version_of(path)
    if version.split(".")[:2] != required_version().split(".")[:2]:
        raise ProgramError(
            f"{path} is geoseg {version}; this plugin belongs to geoseg {required_version()}.",
            f" Update the plugin, or geoseg in {MENU}.",
        )
    return Program(path=path, version=version)


def _version_of(path: Path) -> str:
    """Return what `geoseg --version` prints."""
    try:
        shown = ask([str(path), "--version"], timeout_s=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramError(f"{path} does not start ({error})", f"; choose another command in {MENU}.") from error
    found = re.fullmatch(r"geoseg, version (\S+)", shown.stdout.strip())
    if shown.returncode or found is None:
        said = " ".join((shown.stderr or shown.stdout).split())[-200:] or f"exit code {shown.returncode}"
        raise ProgramError(f"{path} is not geoseg, or is damaged ({said})", f"; choose another command in {MENU}.")
    return found[1]
