"""Whether PROJ has its database and, if it is to download grids, its server: without them, CRSs are of no use."""

import os
from functools import cache

import pyproj
import rasterio.warp
from pyproj.exceptions import DataDirError, ProjError
from pyproj.network import is_network_enabled, set_network_enabled  # type: ignore[attr-defined]  # documented there
from rasterio.errors import CRSError, RasterioError

from geoseg.errors import GeosegError
from geoseg.messages import warn
from geoseg.sentences import join_words

VARIABLES = "PROJ_DATA", "PROJ_LIB"
"""Environment variables that name the folder of the database; other programs' installers set them for all programs."""


def refuse_broken_database() -> None:
    """Raise GeosegError if GDAL or pyproj cannot use PROJ's database, MemoryError if there is too little memory for it.

    To be called before a CRS is reported as missing or wrong.
    """
    for fault in (fault_in_gdal(), fault_in_pyproj()):
        if "out of memory" in fault:  # of SQLite
            raise MemoryError("for PROJ's database")
        if fault:
            raise GeosegError(fault)


@cache
def do_without_server() -> None:
    """Have pyproj use the grids that are installed, if PROJ is to download others and its server cannot be reached.

    A GeosegWarning says so. Coordinates whose transformation has a grid on the server would not be finite otherwise.
    """
    if not is_network_enabled():
        return
    nad27_to_wgs84 = pyproj.Transformer.from_crs(4267, 4326, always_xy=True)
    try:
        nad27_to_wgs84.transform(-98.0, 39.0, errcheck=True)
    except ProjError as error:
        set_network_enabled(active=False)
        warn(f"PROJ is to download grids (PROJ_NETWORK), and cannot ({_reason(error)}); it uses those installed.")


def fault_in_gdal() -> str:
    """Describe why rasterio's GDAL cannot use PROJ's database and what to do, in one sentence; empty if it can."""
    try:
        rasterio.warp.transform("EPSG:4326", "EPSG:32633", [15.0], [50.0])
    except (CRSError, RasterioError) as error:
        return f"GDAL cannot use PROJ's database ({_reason(error)}); {_repair('rasterio')}."
    return ""


def fault_in_pyproj() -> str:
    """Describe why pyproj cannot use PROJ's database and what to do, in one sentence; empty if it can."""
    try:
        pyproj.Transformer.from_crs(4326, 32633).transform(50.0, 15.0, errcheck=True)
    except (ProjError, DataDirError) as error:  # CRSError of pyproj is a ProjError
        return f"pyproj cannot use PROJ's database ({_reason(error)}); {_repair('pyproj')}."
    return ""


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _repair(package: str) -> str:
    """Return how a package that brings PROJ's database finds it again."""
    found = [f"{name} ({os.environ[name]})" for name in VARIABLES if name in os.environ]
    return f"unset {join_words(found)}" if found else f"install {package} again"
