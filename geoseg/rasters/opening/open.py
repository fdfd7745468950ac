"""Open rasters; a SceneError with GDAL's cause replaces the errors of opening and reading."""

import os
import warnings
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import rasterio
from pyproj.exceptions import ProjError
from rasterio._err import CPLE_BaseError  # GDAL's own errors, some of which rasterio passes on unconverted
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from geoseg.errors import SceneError
from geoseg.files import check_regular
from geoseg.models.backend import without_chatter
from geoseg.rasters.missing_data.unread import forget_unread, refuse_unread
from geoseg.rasters.proj_database import do_without_server, refuse_broken_database
from geoseg.rasters.sources.allowed import check_bands, check_blocks, check_size, open_allowed, report_turned
from geoseg.rasters.sources.hdf5 import begins_as_hdf5
from geoseg.rasters.sources.identity import Mark, check_unchanged, identify
from geoseg.rasters.sources.servers import on_server, server_failure
from geoseg.rasters.sources.sidecars import refuse_unreadable_sidecars, with_sidecars, without_sidecars
from geoseg.sentences import unreadable

from .behind import check_before, check_dataset
from .cut_off import refuse_cut_off

GDAL: dict[str, Any] = {
    "GDAL_CACHEMAX": 4 * 2**20,
    "GDAL_MAX_DATASET_POOL_SIZE": 8,
    "GDAL_VRT_ENABLE_PYTHON": False,
    "GDAL_PAM_ENABLED": True,
    "GDAL_TIFF_ENDIANNESS": "LITTLE",
}
"""Bytes of GDAL's block cache, and open files of a VRT: GDAL's defaults would fill memory as a tall scene is read. No
Python functions of a VRT, sidecars with the names of classes, and the same bytes, whatever the environment says."""
_BY_BLOCK = {"GDAL_VRT_WARP_USE_DATASET_RASTERIO": False}
"""Have a VRT that warps do so by its blocks: GDAL would warp larger windows at once, with slightly different pixels."""
_UNKNOWN = "not recognized as being in a supported file format"
_ARCHIVES = {".zip": "/vsizip/", ".tar": "/vsitar/", ".tar.gz": "/vsitar/", ".tgz": "/vsitar/"}
"""How GDAL reads what is in an archive, by the ending of that."""
_VECTORS = (".fgb", ".geojson", ".gml", ".kml", ".parquet", ".shp")


@contextmanager
def unplaced() -> Iterator[None]:
    """Suppress NotGeoreferencedWarning. Only for the main thread: warning filters are global."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextmanager
def opened(
    source: str,
    *,
    overviews: bool = False,
    level: int | None = None,
    identity: Collection[Mark] = (),
    max_pixels: float | None = None,
) -> Iterator[rasterio.DatasetReader]:
    """Open a raster; a SceneError names it if GDAL cannot open or read it, or if its files change meanwhile.

    A CRS that is missing since PROJ lacks its database raises the errors of `refuse_broken_database`.
    One reports, too, blocks of more bytes than a limit, a file without bands, more than `max_pixels` (by default
    `allowed.most_pixels`), and files elsewhere on this machine behind a VRT: the latter three unless there is an
    `identity`, since whoever has that has opened the raster before.

    They must also be as in `identity`, if it is given, when the raster is opened and when it is closed. Reduced reads
    use the full resolution unless `overviews` are allowed. `level` opens an overview in place of the raster itself.
    """
    if on_disk(source):
        try:
            check_regular(Path(source))
        except OSError as error:
            raise SceneError(f"{source} cannot be read as a raster: {error}.") from error
        if not identity:
            refuse_unreadable_sidecars(source)
    marks = identity
    try:
        options = {} if overviews else {"OVERVIEW_LEVEL": "NONE" if level is None else str(level)}
        if not identity:
            check_before(source)
        with with_sidecars(source), _open(source, **options) as dataset:
            with usable_crs(source):
                # An error of PROJ in the first is raised by the second, or else by whatever asks GDAL next.
                crs, _ = dataset.crs, dataset.colorinterp
                do_without_server()
            if crs is None or not (crs.is_projected or crs.is_geographic):
                refuse_broken_database()
            # Of a dataset without overviews, GDAL lists the first file only.
            with nullcontext(dataset) if identity or overviews else _open(source) as whole:
                if not identity:
                    _check_first(source, whole, dataset.shape, max_pixels)
                files = whole.files
                found = identity or (identify(whole) if on_disk(source) else ())
            check_blocks(source, dataset)
            if on_disk(source) or not identity:
                refuse_cut_off(source, dataset, files)
            check_unchanged(source, identity)
            marks = found
            with rasterio.Env(**_BY_BLOCK) if dataset.driver == "VRT" else nullcontext():
                yield dataset
            refuse_unread()
            check_unchanged(source, marks)
    except RasterioError as error:
        raise SceneError(_unreadable(source, error, (str(name) for name, *_ in marks))) from error
    except UnicodeEncodeError as error:
        raise SceneError(f"{legible(source)} has a name that is not UTF-8, which GDAL needs; rename it.") from error
    finally:
        forget_unread()


def _check_first(source: str, whole: rasterio.DatasetReader, shape: tuple[int, int], max_pixels: float | None) -> None:
    """Check what cannot change between the first opening of a raster and others; `shape` is that of what is read."""
    check_bands(source, whole)
    report_turned(source, whole)
    check_size(source, shape, max_pixels)
    check_dataset(source, whole)
    for name in whole.files[1:] if whole.driver == "VRT" else ():
        refuse_unreadable_sidecars(name)


def _open(source: str, **options: str) -> rasterio.DatasetReader:
    # HDF5 prints its errors, which GDAL raises, too.
    with without_chatter() if begins_as_hdf5(source) else nullcontext(), without_sidecars(source):
        return open_allowed(source, **options)


@contextmanager
def usable_crs(name: str) -> Iterator[None]:
    """Raise SceneError for the raster `name` if PROJ or GDAL fails on its CRS; see `refuse_broken_database`."""
    try:
        yield
    except (ProjError, CPLE_BaseError, ValueError) as error:  # rasterio's and odc-geo's CRSError among them
        refuse_broken_database()
        raise SceneError(
            f"{name} has a CRS that PROJ cannot use ({cause(error)}); assign one (`gdal_translate -a_srs EPSG:…`)."
        ) from error


@contextmanager
def reading(dataset: rasterio.DatasetReader) -> Iterator[None]:
    """Raise a SceneError for this raster; of several open ones, `opened` would name the last."""
    try:
        yield
        refuse_unread()
    except RasterioError as error:
        raise SceneError(_unreadable(dataset.name, error, dataset.files)) from error


def cause(error: Exception) -> str:
    """GDAL's message, or else rasterio's, on one line without a full stop."""
    return " ".join(str(error.__cause__ or error).split()).rstrip(".")


def on_disk(source: str | Path) -> bool:
    """Whether a source is an accessible file, not a URL."""
    return os.path.exists(source)  # noqa: PTH110 - Path.exists raises where a folder is closed or a name too long


def legible(name: str) -> str:
    """Escape the bytes of a file name that are not UTF-8, to display it."""
    return name.encode("utf-8", "backslashreplace").decode()


def _unreadable(source: str, error: RasterioError, files: Iterable[str]) -> str:
    """Return the sentence for an error of GDAL or rasterio with a raster of these files, its own or behind it."""
    if "://" not in source and not source.startswith("/vsi"):
        plain = unreadable(source, "name the raster files in it, or have `geoseg batch` find them")
        if plain is not None:
            return plain
        inside = next((prefix for ending, prefix in _ARCHIVES.items() if source.lower().endswith(ending)), None)
        if inside is not None:
            return f"{source} cannot be read as a raster; name one in the archive: {inside}{source}/FOLDER/NAME.tif."
    found = cause(error)
    if found.endswith(_UNKNOWN) and source.lower().endswith(_VECTORS):
        found = "it is a vector file"
    elif found.endswith(_UNKNOWN):
        found += " that geoseg opens; convert it (`gdal_translate IN OUT.tif`)"
    return (
        server_failure(source, str(error), served=any(map(on_server, (source, *files))))
        or f"{source} cannot be read as a raster: {found.removeprefix(f'{source}: ')}."
    )
