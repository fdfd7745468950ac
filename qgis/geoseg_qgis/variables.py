"""The environment variables of programs that QGIS starts. Does not need QGIS."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from .systems import SYSTEM, System

_OF_QGIS = ("PYTHONHOME", "PYTHONPATH", "GDAL_DATA", "GDAL_DRIVER_PATH", "PROJ_LIB", "PROJ_DATA")
"""Variables that point to the libraries of QGIS, and break other versions of these."""


def clean_environment(variables: Mapping[str, str] = os.environ, system: System = SYSTEM) -> dict[str, str]:
    """Return environment variables without those that QGIS sets for itself, and without folders that it brings."""
    kept = {}
    for name, value in variables.items():
        parts = value.split(system.paths.pathsep)
        others = [part for part in parts if not is_of_qgis(part, variables, system)]
        if name not in _OF_QGIS and others:
            kept[name] = system.paths.pathsep.join(others)
    return {**kept, "PYTHONIOENCODING": "utf-8"}


def is_of_qgis(path: str, variables: Mapping[str, str] = os.environ, system: System = SYSTEM) -> bool:
    """Return whether a path is in the folder in which QGIS brings a Python and libraries of its own, if it does."""
    apps = (str(folder) for folder in Path(sys.prefix).parents if folder.suffix == ".app")  # on macOS
    root = variables.get("OSGEO4W_ROOT") or next(apps, None)
    if root is None or not path:
        return False
    there, inside = (system.paths.normcase(system.paths.normpath(each)) for each in (root, path))
    return bool(inside == there or inside.startswith(there + system.paths.sep))
