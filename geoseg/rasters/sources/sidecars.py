"""Find sidecars: on disk whatever the environment says; of a GeoTIFF on a server, where GDAL asks for forty names."""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path

import rasterio
from rasterio._env import get_gdal_config  # without rasterio's own environment, as GDAL sees it
from rasterio.errors import RasterioError

from geoseg.errors import SceneError
from geoseg.files import check_regular

from .allowed import open_allowed
from .servers import on_server
from .vrt import HEAD, VRT

_HOW = "GDAL_DISABLE_READDIR_ON_OPEN"
"""GDAL's option for how to look for sidecars."""
_READ = "GDAL_PAM_ENABLED"
"""GDAL's option for whether to read and write `.aux.xml`."""
_OFF = ("NO", "FALSE", "OFF", "0")
_SIDECARS = (".aux.xml", ".msk", ".ovr")
"""GDAL's own: metadata such as nodata values, masks, and overviews."""
_OF_COG = _SIDECARS[:1]
"""A cloud-optimised GeoTIFF (COG) holds masks and overviews itself."""
_UNKNOWN_FORMAT = "not recognized as being in a supported file format"
_IN_PASSING = re.compile(r"CURL error|HTTP response code: (429|5\d\d)")
_ABSENT = re.compile(r"HTTP response code: 4\d\d|(does|may) not exist|not found|denied|forbidden", re.IGNORECASE)
"""Object stores deny access to what is not there, in their own words."""


def files_behind(vrt: rasterio.DatasetReader) -> list[str]:
    """List the files that a VRT shows, without their sidecars."""
    with open_allowed(vrt.name) as whole:  # of one opened without overviews, GDAL lists no more than itself
        return [name for name in whole.files[1:] if not name.endswith(_SIDECARS)]


def refuse_unreadable_sidecars(source: str) -> None:
    """Raise SceneError for a sidecar of a raster on disk that is a link to nothing, a pipe, or closed.

    GDAL does without it, and its mask or nodata values would be lost without a word, or waits for the pipe.
    """
    for path in (Path(source + ending) for ending in _SIDECARS):
        if os.path.lexists(path):
            try:
                check_regular(path)
                path.open("rb").close()
            except OSError as error:
                raise SceneError(
                    f"{path}, which belongs to {Path(source).name}, cannot be read ({error.strerror or error}); "
                    "correct or remove it."
                ) from error


def without_sidecars(source: str) -> AbstractContextManager[object]:
    """Context in which GDAL does not look for sidecars of this raster, if that is a GeoTIFF on a server without any.

    An option of the user for how to look for them is left to GDAL. Raises RasterioError if the server fails.
    """
    if on_server(source) and get_gdal_config(_HOW) is None and _is_alone(source):
        alone: AbstractContextManager[object] = rasterio.Env(**{_HOW: "EMPTY_DIR"})
        return alone
    return nullcontext()


@contextmanager
def with_sidecars(source: str) -> Iterator[None]:
    """Context in which GDAL reads the sidecars of this raster, and of others behind it, whatever the environment says.

    Masks and nodata values in them would be lost without a word. How to look for those on servers is left to the user.
    """
    unread = str(get_gdal_config(_HOW)).upper() == "EMPTY_DIR"
    options: dict[str, bool] = {}
    if unread and os.path.isfile(source) and not _names_servers(source):  # noqa: PTH113 - as in `on_disk`
        options[_HOW] = False
    if str(get_gdal_config(_READ)).upper() in _OFF:
        options[_READ] = True
    if not options:
        yield
        return
    with rasterio.Env(), rasterio.Env(**options):  # the outermost keeps values of the environment beyond its end
        yield


def _names_servers(source: str) -> bool:
    """Whether a file is a VRT of files on servers."""
    try:
        with open(source, "rb") as file:  # noqa: PTH123
            head = file.read(HEAD)
            return VRT in head and any(name in head + file.read() for name in (b"://", b"/vsi"))
    except OSError:  # GDAL says why
        return False


@lru_cache(maxsize=1024)
def _is_alone(source: str) -> bool:
    """Whether a raster is a georeferenced GeoTIFF without sidecars; a process asks once, as GDAL does."""
    with rasterio.Env(**{_HOW: "EMPTY_DIR"}):
        try:
            with open_allowed(source) as raster:
                if raster.driver != "GTiff" or raster.transform.is_identity:  # there may be a world file
                    return False
                is_cog = raster.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
        except RasterioError as error:
            if _UNKNOWN_FORMAT in str(error):  # perhaps a format of several files
                return False
            raise
        # A sidecar beside a URL with a query has no known name.
        return "?" in source or not any(_is_there(source + name) for name in (_OF_COG if is_cog else _SIDECARS))


def _is_there(sidecar: str) -> bool:
    try:
        rasterio.open(sidecar, driver="PNG").close()  # which none is: GDAL only says whether there is a file
    except RasterioError as error:
        if _IN_PASSING.search(str(error)):
            raise
        return not _ABSENT.search(str(error))  # GDAL knows better what to make of other answers
    return True
