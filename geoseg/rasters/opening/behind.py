"""Refuse rasters that lead to files elsewhere on this machine: through a VRT, however deep, a sidecar, or an index.

What a VRT on disk names is checked before GDAL opens it, since that opens some of its files.
"""

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from rasterio._path import _parse_path, _vsi_path
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from geoseg.errors import SceneError
from geoseg.files import check_regular
from geoseg.rasters.missing_data.unread import refuse_uncomputed
from geoseg.rasters.sources.allowed import INDICES, open_allowed
from geoseg.rasters.sources.hdf5 import DRIVERS as HDF5
from geoseg.rasters.sources.hdf5 import begins_as_hdf5, check_hdf5, check_plain_hdf5
from geoseg.rasters.sources.named_files import TRUSTED, Holder, in_archive, is_part, is_served, is_trusted, locate_named
from geoseg.rasters.sources.sidecars import without_sidecars
from geoseg.rasters.sources.vrt import HEAD, VRT, Named, read_vrt

from .cut_off import refuse_cut_off
from .palettes import report_mixed_palettes

_HDF5_PARTS = re.compile(r"(NETCDF|HDF5):.*", re.IGNORECASE | re.DOTALL)
_PIXELS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\x89PNG\r\n", b"\xff\xd8\xff", b"\0\0\0\x0cjP  ", b"BM", b"GIF8")
"""First bytes of formats that hold pixels: no program takes such a file for another kind."""
_COMPUTED = b"vrtderivedrasterband"
"""Class of a band that is computed from others, in lower case as GDAL compares it."""
_AT_A_TIME = 16
"""Files on servers that are looked at."""
_MADE: set[str] = set()
"""VRTs that this process made, of files that were checked."""


@contextmanager
def trusting(made: Path) -> Iterator[None]:
    """Let a VRT that geoseg makes name a file that was opened before."""
    _MADE.add(str(made))
    try:
        yield
    finally:
        _MADE.discard(str(made))


def check_before(source: str) -> None:
    """Raise SceneError for an invalid name, or if a VRT or HDF5 file on disk leads to files elsewhere on this machine.

    A VRT that runs code is refused, too.
    """
    _as_gdal(source)
    check_plain_hdf5(source)
    if source not in _MADE and os.path.isfile(source) and VRT in _read(source, HEAD):  # noqa: PTH113 - as in `on_disk`
        _check_vrt(source, _read(source))


def check_dataset(source: str, dataset: DatasetReader, *above: str) -> None:
    """Raise SceneError if an opened raster leads to files elsewhere on this machine."""
    if source in _MADE:
        return
    name = _as_gdal(source)
    if dataset.driver in INDICES and not is_trusted(name):
        raise SceneError(
            f"{source} is a {dataset.driver} file, whose names of other files geoseg does not check; if you trust it, "
            f"add its folder to the environment variable {TRUSTED}."
        )
    if dataset.driver in HDF5 and not begins_as_hdf5(source):
        check_hdf5(source)
    if dataset.driver == "VRT" and not os.path.isfile(source):  # noqa: PTH113
        _check_vrt(name, dataset.tags(ns="xml:VRT")["xml:VRT"].encode("utf-8", "surrogateescape"), *above)
    if dataset.driver not in INDICES:
        holder = Holder.of(name)
        for file in dataset.files[1:]:  # of other formats, and sidecars
            locate_named(Named(file, relative=False, raw=True), holder)
    report_mixed_palettes(dataset)


def check_named(name: str, holder: str) -> None:
    """Raise SceneError if a document on disk names a file elsewhere on this machine."""
    locate_named(Named(_as_gdal(name), relative=False, raw=True), Holder.of(holder))


def _check_vrt(holder: str, text: bytes, *above: str) -> None:
    """Check all that a VRT names, and what that names."""
    if holder in above:
        return  # a circular reference, which GDAL notices
    served: dict[str, None] = {}
    names = Holder.of(holder)
    for named in dict.fromkeys(read_vrt(holder, text)):
        name = locate_named(named, names)
        if named.size and os.path.isfile(name) and os.path.getsize(name) < named.size:  # noqa: PTH113, PTH202
            raise SceneError(f"{name}, which {holder} names, is cut off: it has less than {named.size} bytes.")
        if _HDF5_PARTS.fullmatch(name):
            check_hdf5(name)
        if named.raw or is_part(name):
            continue
        if is_served(name):
            served[name] = None
        else:
            _check_behind(name, holder, *above)
    if served:
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            list(pool.map(_check_served, served))
    if _COMPUTED in text.lower() and os.path.isfile(holder):  # noqa: PTH113
        refuse_uncomputed(holder)


def _check_behind(name: str, *above: str) -> None:
    """Check a file on disk that a VRT names; one that is missing is left to GDAL."""
    if os.path.isfile(name) or not in_archive(name):  # noqa: PTH113
        if not os.path.exists(name):  # noqa: PTH110
            return
        try:
            check_regular(Path(name))
        except OSError as error:
            raise SceneError(f"{above[0]} names {name}, which cannot be read: {error}.") from error
        head = b"" if os.path.isdir(name) else _read(name, HEAD)  # noqa: PTH112
        if head.startswith(_PIXELS):
            with suppress(RasterioError):  # GDAL knows why
                _check_file(name, *above)
            return
        if VRT in head:
            _check_vrt(name, _read(name), *above)
            return
    _check_file(name, *above)


def _check_file(name: str, *above: str) -> None:
    """Check what a file that a VRT names leads to, and that it is whole."""
    check_plain_hdf5(name)
    with open_allowed(name) as dataset:
        check_dataset(name, dataset, *above)
        refuse_cut_off(name, dataset, dataset.files)


@lru_cache(maxsize=2**16)
def _check_served(name: str) -> None:
    """Check a file on a server that a VRT names, once in a process, in a few requests: GDAL alone sends thirty."""
    with without_sidecars(name), open_allowed(name) as dataset:
        check_dataset(name, dataset)
        refuse_cut_off(name, dataset, dataset.files)


def _as_gdal(source: str) -> str:
    """Name a raster as GDAL does; SceneError for what can be neither a file nor a URL."""
    try:
        if "\0" in source:
            raise ValueError("it has a null character")
        return str(_vsi_path(_parse_path(source)))
    except ValueError as error:
        raise SceneError(f"{source} is neither a file nor a URL ({error}); correct it.") from error


def _read(path: str, most: int = -1) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(most)
    except OSError as error:
        raise SceneError(f"{path} cannot be read ({error.strerror}).") from error
