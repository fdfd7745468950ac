"""The user's choices, kept in QGIS's settings, which `qgis_process` also reads."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsApplication, QgsSettings

from .environment import Source
from .program import Program, find_program
from .systems import SYSTEM

_COMMAND, _FOLDER, _OFFLINE = "geoseg/command", "geoseg/folder", "geoseg/offline"


def environment_folder() -> Path:
    """Return the folder of the plugin's own environment."""
    return SYSTEM.environment_folder(Path(QgsApplication.qgisSettingsDirPath()))


def chosen_command() -> str:
    """Return the command chosen by the user; empty for the plugin's own environment."""
    return str(QgsSettings().value(_COMMAND, "") or "")


def choose_command(path: str) -> None:
    """Store the command chosen by the user; empty for the plugin's own environment."""
    QgsSettings().setValue(_COMMAND, path)


def chosen_source() -> Source:
    """Return where packages come from."""
    folder = QgsSettings().value(_FOLDER, "") or ""
    return Source(folder=Path(folder) if folder else None, offline=QgsSettings().value(_OFFLINE, False, type=bool))


def choose_source(source: Source) -> None:
    """Store where packages come from."""
    QgsSettings().setValue(_FOLDER, "" if source.folder is None else str(source.folder))
    QgsSettings().setValue(_OFFLINE, source.offline)


def current_program() -> Program:
    """Return the command to run; ProgramError says what to do if there is none."""
    return find_program(chosen_command(), environment_folder())
