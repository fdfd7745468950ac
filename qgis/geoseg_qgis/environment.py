"""Make the Python environment that geoseg runs in, with uv, or with venv and pip. Does not need QGIS."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .program import Program, ProgramError, command_in, find_program
from .runner import Listener, clean_environment, run

NEEDED_GB = 3.7
"""Disk space of the environment of geoseg 0.1 on Linux (x86-64), measured."""
DOWNLOAD_GB = 1.0
"""Size of the compressed packages to download."""
_PYTHONS = ("3.13", "3.12", "3.11")
"""Versions that geoseg and TensorFlow run on, the preferred one first."""
_QUIET_PIP = ("--disable-pip-version-check", "--no-input")
_UV_PLACES = ("~/.local/bin/uv", "~/.cargo/bin/uv")
"""Where uv's installer puts it; the PATH of a desktop session may lack these folders."""


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


def find_uv() -> str | None:
    """Return the path of uv, or None."""
    places = (shutil.which("uv"), *(os.path.expanduser(place) for place in _UV_PLACES))  # noqa: PTH111
    return next((place for place in places if place and os.access(place, os.X_OK)), None)


def find_python() -> str:
    """Return the path of a Python that can make environments for geoseg; ProgramError if there is none."""
    for name in (*(f"python{version}" for version in _PYTHONS), "python3"):
        path = shutil.which(name)
        if path is None:
            continue
        asked = "import sys, ensurepip; print('{}.{}'.format(*sys.version_info))"
        answer = subprocess.run(
            [path, "-c", asked], env=clean_environment(), capture_output=True, text=True, check=False
        )
        if answer.stdout.strip() in _PYTHONS:
            return path
    raise ProgramError(
        f"geoseg needs Python {_PYTHONS[-1]} to {_PYTHONS[0]} with its module ensurepip (Debian and Ubuntu: package "
        "python3-venv), or uv (https://docs.astral.sh/uv/), which brings its own Python. Install one, and try again."
    )


def steps(folder: Path, version: str, source: Source) -> list[list[str]]:
    """Return the commands that make an environment of geoseg in `folder`, by uv if it is installed."""
    where = [] if source.folder is None else ["--find-links", str(source.folder)]
    only = ["--no-index"] if source.offline else []
    package = source.package(version)
    python = str(folder / "bin" / "python")
    uv = find_uv()
    if uv is None:
        return [
            [find_python(), "-m", "venv", str(folder)],
            [python, "-m", "pip", *_QUIET_PIP, "install", *where, *only, package],
        ]
    range_of_pythons = f">={_PYTHONS[-1]},<3.{int(_PYTHONS[0].split('.')[1]) + 1}"
    offline = ["--offline"] if source.offline else []
    return [
        [uv, "venv", *offline, "--python", range_of_pythons, str(folder)],
        [uv, "pip", "install", *offline, "--refresh-package", "geoseg", "--python", python, *where, *only, package],
    ]


def check_space(folder: Path) -> None:
    """Raise ProgramError if the disk that `folder` will be on has too little space."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free_gb = shutil.disk_usage(there).free / 1e9
    if free_gb < NEEDED_GB:
        raise ProgramError(
            f"geoseg needs {NEEDED_GB} GB; {there} has {free_gb:.1f} GB left. Free some space, or use a geoseg that is "
            "installed elsewhere."
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
    if os.name != "posix":
        raise ProgramError("geoseg runs on Linux only, so far.")
    if source.offline and source.folder is None:
        raise ProgramError("Choose the folder of wheels to install from, or allow downloads.")
    check_space(folder)
    commands = steps(folder, version, source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    before = folder.with_name(f"{folder.name}.before")
    if folder.exists() and not before.exists():  # else QGIS ended during an installation, and only `before` is complete
        folder.rename(before)
    shutil.rmtree(folder, ignore_errors=True)
    complete = False
    try:
        for command in commands:
            listener.say(" ".join(command))
            ending = run(command, listener)
            if ending.cancelled:
                raise ProgramError("The set-up was cancelled.")
            if ending.code:
                raise ProgramError(_failure(ending.sentence, version, source))
        program = find_program(str(command_in(folder)), folder)
        complete = True
        return program
    finally:
        if complete:
            shutil.rmtree(before, ignore_errors=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            if before.exists():
                before.rename(folder)
