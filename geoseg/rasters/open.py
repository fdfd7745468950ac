"""Open rasters; what GDAL cannot open or read ends in one sentence."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from geoseg.errors import SceneError

GDAL = {"GDAL_CACHEMAX": 4 * 2**20, "GDAL_MAX_DATASET_POOL_SIZE": 8}
"""Bytes of GDAL's block cache, and number of files behind a VRT that it keeps open: its own defaults are a share of the
machine's memory and 100, both of which a tall scene would fill."""
_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
"""What the file of a whole picture ends with, by GDAL's driver; some programs write more behind it."""


@contextmanager
def unplaced() -> Iterator[None]:
    """Let rasterio be silent about pixels that lie nowhere on the ground. For the main thread: filters are global."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextmanager
def opened(source: str, *, overviews: bool = False) -> Iterator[rasterio.DatasetReader]:
    """Open a raster; what GDAL cannot open or read ends in a SceneError that names it.

    Reduced reads are made from the full resolution unless `overviews` may silently take its place.
    """
    try:
        with rasterio.open(source, **({} if overviews else {"OVERVIEW_LEVEL": "NONE"})) as dataset:
            _refuse_cut_off(source, dataset)
            yield dataset
    except RasterioError as error:
        raise SceneError(_unreadable(source, error)) from error
    except UnicodeEncodeError as error:
        raise SceneError(f"{legible(source)} has a name that is not UTF-8, which GDAL needs; rename it.") from error


@contextmanager
def reading(dataset: rasterio.DatasetReader) -> Iterator[None]:
    """Name the raster that cannot be read, where several are open and the last would be blamed."""
    try:
        yield
    except RasterioError as error:
        raise SceneError(_unreadable(dataset.name, error)) from error


def _refuse_cut_off(source: str, picture: rasterio.DatasetReader) -> None:
    """Raise SceneError if the end of a PNG or JPEG file is missing: GDAL shows a PNG as far as it goes, the rest black.

    The preview within a JPEG may have an end of its own; what is cut off behind it GDAL refuses when it is read.
    """
    if picture.driver not in _ENDS or not on_disk(source):
        return
    with Path(source).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        if content.rfind(_ENDS[picture.driver]) < 0:
            raise SceneError(f"{source} is cut off: the end of its {picture.driver} data is missing; copy it again.")


def on_disk(source: str | Path) -> bool:
    """Whether a source is a file that can be looked at here: no URL, nor behind a folder that may not be entered."""
    return os.path.exists(source)  # noqa: PTH110 - Path.exists raises where a folder is closed or a name too long


def legible(name: str) -> str:
    """A file name with the bytes that are not UTF-8 written as escapes, to be shown to people."""
    return name.encode("utf-8", "backslashreplace").decode()


def _unreadable(source: str, error: RasterioError) -> str:
    if "://" not in source and not source.startswith("/vsi"):
        path = Path(source)
        try:
            length = path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return f"{source} does not exist."
        except OSError as unseen:
            return f"{source} cannot be opened ({unseen.strerror})."
        if path.is_dir():
            return f"{source} is a folder; name the raster files in it."
        if length == 0:
            return f"{source} is empty (0 bytes)."
    cause = error.__cause__ or error
    reason = " ".join(str(cause).split()).removeprefix(f"{source}: ").rstrip(".")
    return f"{source} cannot be read as a raster: {reason}."
