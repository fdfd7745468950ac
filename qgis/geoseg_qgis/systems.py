"""Where programs are on Linux, macOS and Windows, and how they are started and stopped. Does not need QGIS."""

from __future__ import annotations

import ntpath
import posixpath
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Callable

from .console import send_break

PYTHONS = ("3.13", "3.12", "3.11")
"""Versions that geoseg and TensorFlow run on, the preferred one first."""
_WITHOUT_DOTS = tuple(version.replace(".", "") for version in PYTHONS)
Stop = Callable[["subprocess.Popen[str]"], None]
"""A way to stop a program; OSError if it does not work."""


def _signal(name: str) -> Stop:
    return lambda process: process.send_signal(getattr(signal, name))


def _break(process: subprocess.Popen[str]) -> None:
    send_break(process.pid)


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()


@dataclass(frozen=True)
class System:
    """A system, as far as the plugin treats it in a way of its own."""

    needed_gb: float
    """Disk space of the environment of geoseg 0.1."""
    download_gb: float
    """Size of the compressed packages to download."""
    paths: ModuleType
    """How paths are written."""
    commands: str
    """Commands in a Python environment, with `{}` for the name."""
    uvs: tuple[str, ...]
    """Names and files of uv. The PATH of a window's program may lack the folders where its installers put it."""
    pythons: tuple[tuple[str, ...], ...]
    """Commands that may start a Python for geoseg, the preferred one first."""
    advice: str
    """Which Python to install."""
    environment: str = ""
    """Folder of the plugin's own environment; empty: in QGIS's profile."""
    flags: int = 0
    """Flags that a program is started with."""
    stops: tuple[tuple[Stop, float], ...] = (
        (_signal("SIGINT"), 8.0),
        (_signal("SIGTERM"), 4.0),
        (_signal("SIGKILL"), 60.0),
    )
    """What to try to stop a program, and seconds to wait for its end; geoseg ends within two seconds of the second."""
    shown: Callable[[Sequence[str]], str] = shlex.join
    """Returns a command as it is typed."""

    def command_in(self, environment: Path, name: str = "geoseg") -> Path:
        """Return the path of a command in a Python environment."""
        return environment / self.commands.format(name)

    def environment_folder(self, profile: Path) -> Path:
        """Return the folder of the plugin's own environment: outside the plugin's folder, which updates replace."""
        return Path(self.environment).expanduser() if self.environment else profile / "geoseg" / "environment"


LINUX = System(
    needed_gb=3.7,  # measured, on x86-64
    download_gb=1.0,
    paths=posixpath,
    commands="bin/{}",
    uvs=("uv", "~/.local/bin/uv", "~/.cargo/bin/uv"),
    pythons=(*((f"python{version}",) for version in PYTHONS), ("python3",)),
    advice="with its module ensurepip (Debian and Ubuntu: package python3-venv)",
)
MACOS = System(
    needed_gb=2.6,  # the files of all packages for Apple silicon, unpacked and compiled
    download_gb=0.6,
    paths=posixpath,
    commands="bin/{}",
    uvs=("uv", "~/.local/bin/uv", "~/.cargo/bin/uv", "/opt/homebrew/bin/uv", "/usr/local/bin/uv"),
    # Not `python3`: Apple's opens a window that offers to install developer tools.
    pythons=tuple(
        (f"{folder}python{version}",)
        for version in PYTHONS
        for folder in (
            "",
            "/opt/homebrew/bin/",
            "/usr/local/bin/",
            f"/Library/Frameworks/Python.framework/Versions/{version}/bin/",
        )
    ),
    advice="for Apple silicon (from python.org or Homebrew)",
)
WINDOWS = System(
    needed_gb=3.0,  # the files of all packages, unpacked and compiled
    download_gb=0.8,
    paths=ntpath,
    commands="Scripts/{}.exe",
    uvs=("uv", "~/.local/bin/uv.exe", "~/.cargo/bin/uv.exe", "~/AppData/Local/Microsoft/WinGet/Links/uv.exe"),
    pythons=(
        *((launcher, f"-{version}") for version in PYTHONS
          for launcher in ("py", "~/AppData/Local/Programs/Python/Launcher/py.exe")),
        *((f"~/AppData/Local/Programs/Python/Python{version}/python.exe",) for version in _WITHOUT_DOTS),
        *((f"C:/Program Files/Python{version}/python.exe",) for version in _WITHOUT_DOTS),
        ("python",),
    ),
    advice="for 64 bits (from python.org, not from the Microsoft Store)",
    # A profile may be copied to a server at each end of a session, and its path is too long for TensorFlow's files,
    # whose paths Windows limits to 259 letters.
    environment="~/AppData/Local/geoseg/qgis",
    flags=0x0800_0000 | 0x200,  # CREATE_NO_WINDOW, and CREATE_NEW_PROCESS_GROUP for Ctrl-Break
    stops=((_break, 8.0), (_break, 4.0), (_kill, 60.0)),
    shown=subprocess.list2cmdline,
)  # fmt: skip
SYSTEM = {"darwin": MACOS, "win32": WINDOWS}.get(sys.platform, LINUX)
"""The system that this runs on."""
