"""Parse how GDAL names rasters: the file's path or URL, and its name."""

import os
import re
from pathlib import Path

_PART = re.compile(r'\w{2,}:(?!//)("(?P<quoted>[^"]+)"(:.*)?|(?P<bare>[^"]+?\.\w+)(:.*)?)')
"""A file as GDAL names it to a driver: `NETCDF:"scene.nc":rgb`, `HDF5:scene.h5://rgb`, `GTI:index.gpkg`."""


def file_of(source: str) -> str:
    """Path or URL, without query, of a source's file, without the driver and part that GDAL's name may add."""
    found = None if os.path.exists(source) else _PART.fullmatch(source)  # noqa: PTH110 - as in `on_disk`
    file = source if found is None else found["quoted"] or found["bare"]
    return file.rstrip("/").split("?")[0] if "://" in file else file


def stem(source: str) -> str:
    """File name of a source without folder, extension and URL query."""
    return Path(file_of(source)).stem
