"""Make the Python environment that geoseg runs in, with uv, or with venv and pip. Does not need QGIS."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .program import Program, ProgramError, find_program
from .runner import Listener, ask, run
from .systems import PYTHONS, SYSTEM, System
from .variables import clean_environment, is_of_qgis

_QUIET_PIP = ("--disable-pip-version-check", "--no-input")
_ASKED = """import sys, ensurepip
if sys.maxsize > 2**32:
    print("{}.{}".format(*sys.version_info), sys.executable, sys.base_prefix, sep="\\n")"""
"""Program that prints a Python's version, file and folder, if it can make environments and is for 64 bits."""
_STORE = "WindowsApps"
"""Folder of the Microsoft Store's Pythons. What they write to AppData, Windows hides from other programs."""


@dataclass(frozen=True)
class Source:
    """Where packages come from."""

    folder: Path | None = None
    """Folder of geoseg's source, or of wheels that are searched in addition to the package index."""
    offline: bool = False
    """Install without downloads: the folder holds wheels of geoseg and of all its dependencies."""

    def package(self, version: str) -> str:
        """Return the requirement for pip and uv; of a source folder, its current code, not an older wheel in it."""
        if self.folder is not None and self._is_source and not self.offline:  # a source needs a download to be built
            return f"geoseg[train] @ {self.folder.resolve().as_uri()}"
        return f"geoseg[train]=={version}"

    def has_geoseg(self, version: str) -> bool:
        """Return whether the folder holds geoseg itself."""
        return self.folder is not None and (self._is_source or any(self.folder.glob(f"geoseg-{version}-*.whl")))

    @property
    def _is_source(self) -> bool:
        return self.folder is not None and all(
            (self.folder / name).is_file() for name in ("pyproject.toml", "geoseg/__init__.py")
        )


def _found(name: str) -> str | None:
    """Return the path of a program, given by its name or its file; None if it is missing or QGIS's own."""
    path = shutil.which(str(Path(name).expanduser()), path=clean_environment().get("PATH"))
    return None if path is None or is_of_qgis(path) else path


def find_uv(system: System = SYSTEM) -> str | None:
    """Return the path of uv, or None."""
    return next(filter(None, map(_found, system.uvs)), None)


def find_python(system: System = SYSTEM) -> str:
    """Return the path of a Python that can make environments for geoseg; ProgramError if there is none."""
    for name, *options in system.pythons:
        program = _found(name)
        python = None if program is None else _usable_python([program, *options])
        if python is not None:
            return python
    raise ProgramError(
        f"geoseg needs Python {PYTHONS[-1]} to {PYTHONS[0]} {system.advice}, or uv (https://docs.astral.sh/uv/), which "
        "brings its own Python. Install one, and try again."
    )


def _usable_python(command: Sequence[str]) -> str | None:
    """Return the file of the Python that a command starts, or None if geoseg cannot use it."""
    try:
        version, python, prefix = ask([*command, "-c", _ASKED], timeout_s=60).stdout.splitlines()
    except (OSError, subprocess.TimeoutExpired, ValueError):  # it does not start, or says something else
        return None
    return python if version in PYTHONS and _STORE not in prefix and not is_of_qgis(prefix) else None


def steps(folder: Path, version: str, source: Source, system: System = SYSTEM) -> list[list[str]]:
    """Return the commands that make an environment of geoseg in `folder`, by uv if it is installed."""
    where = [] if source.folder is None else ["--find-links", str(source.folder)]
    only = ["--no-index"] if source.offline else []
    package = source.package(version)
    python = str(system.command_in(folder, "python"))
    uv = find_uv(system)
    if uv is None:
        return [
            [find_python(system), "-m", "venv", str(folder)],
            [python, "-m", "pip", *_QUIET_PIP, "install", *where, *only, package],
        ]
    range_of_pythons = f">={PYTHONS[-1]},<3.{int(PYTHONS[0].split('.')[1]) + 1}"
    offline = ["--offline"] if source.offline else []
    return [
        [uv, "venv", *offline, "--python", range_of_pythons, str(folder)],
        [uv, "pip", "install", *offline, "--refresh-package", "geoseg", "--python", python, *where, *only, package],
    ]


def check_space(folder: Path) -> None:
    """Raise ProgramError if the disk that `folder` will be on has too little space."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free_gb = shutil.disk_usage(there).free / 1e9
    if free_gb < SYSTEM.needed_gb:
        raise ProgramError(
            f"geoseg needs {SYSTEM.needed_gb} GB; {there} has {free_gb:.1f} GB left. Free some space, or use a geoseg "
            "that is installed elsewhere."
        )


def _failure(sentence: str, version: str, source: Source) -> str:
    """Return the last message of pip or uv, with advice if it is geoseg itself that was not found."""
    said = re.sub(r"^\s*(error|cause):\s*", "", sentence, flags=re.IGNORECASE).rstrip(".")
    advice = (
        ""
        if source.has_geoseg(version) or "geoseg" not in said
        else f" If the package index does not have geoseg {version}, choose the folder of its source, the one that "
        "holds pyproject.toml, or a folder with its wheel."
    )
    return f"The set-up failed: {said}.{advice}"


def make_environment(folder: Path, version: str, source: Source, listener: Listener) -> Program:
    """Make a new environment, and return its command.

    Raises ProgramError with the reason of a failure. uv and pip keep downloaded packages, so that another try is
    faster. An incomplete environment is removed, and the previous one, if any, is restored.
    """
    if source.offline and source.folder is None:
        raise ProgramError("Choose the folder of wheels to install from, or allow downloads.")
    check_space(folder)
    commands = steps(folder, version, source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _replaced(folder):
        for command in commands:
            listener.say(SYSTEM.shown(command))
            ending = run(command, listener)
            if ending.cancelled:
                raise ProgramError("The set-up was cancelled.")
            if ending.code:
                raise ProgramError(_failure(ending.sentence, version, source))
        return find_program(str(SYSTEM.command_in(folder)), folder)


@contextmanager
def _replaced(folder: Path) -> Iterator[None]:
    """Set the environment in `folder` aside for the one that the block makes; if the block fails, restore it."""
    before = folder.with_name(f"{folder.name}.before")
    if folder.exists() and not before.exists():  # else QGIS ended during an installation, and only `before` is complete
        _rename(folder, before)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if before.exists():
            _rename(before, folder)
        raise
    shutil.rmtree(before, ignore_errors=True)


def _rename(folder: Path, target: Path) -> None:
    try:
        folder.rename(target)
    except OSError as error:  # on Windows, also while one of its programs runs
        raise ProgramError(
            f"{folder} cannot be renamed to {target.name} ({error.strerror}); end all runs of geoseg, also those of "
            "other windows of QGIS, and try again."
        ) from error
