"""Refuse rasters that lead to files elsewhere on this machine: through a VRT, however deep, a sidecar, or an index.

What a VRT on disk names is checked before GDAL opens it, since that opens some of its files.
"""

import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from textwrap import shorten

from rasterio._path import _parse_path, _vsi_path
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from geoseg.errors import SceneError
from geoseg.files import check_regular

from .allowed import INDICES, open_allowed
from .cut_off import refuse_cut_off
from .hdf5 import DRIVERS as HDF5
from .hdf5 import begins_as_hdf5, check_hdf5, check_plain_hdf5
from .palettes import report_mixed_palettes
from .servers import on_server
from .sidecars import without_sidecars
from .source_names import file_of
from .unread import refuse_uncomputed
from .vrt import HEAD, VRT, Named, read_vrt

TRUSTED = "GEOSEG_TRUSTED_FOLDERS"
"""Environment variable: folders, separated as in PATH, whose files a VRT or STAC item may name wherever it lies."""

_ARCHIVE = re.compile(r"/?vsi(zip|tar|gzip|7z|rar)/")
_PARTS = re.compile(r"(NETCDF|HDF4_\w+|HDF5|GPKG|SENTINEL2_\w+):.*", re.IGNORECASE | re.DOTALL)
"""Names of a part of a file, of formats that hold pixels."""
_HDF5_PARTS = re.compile(r"(NETCDF|HDF5):.*", re.IGNORECASE | re.DOTALL)
_NUMBERED = re.compile(r"(?:GTIFF_DIR|NITF_IM):(?:off:)?\d+:(.+)", re.IGNORECASE | re.DOTALL)
_PIXELS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\x89PNG\r\n", b"\xff\xd8\xff", b"\0\0\0\x0cjP  ", b"BM", b"GIF8")
"""First bytes of formats that hold pixels: no program takes such a file for another kind."""
_MEMORY = "/vsimem/"
_COMPUTED = b"vrtderivedrasterband"
"""Class of a band that is computed from others, in lower case as GDAL compares it."""
_AT_A_TIME = 16
"""Files on servers that are looked at."""
_MADE: set[str] = set()
"""VRTs that this process made, of files that were checked."""


@dataclass(frozen=True, kw_only=True)
class _Holder:
    """A file that names others."""

    name: str
    base: str
    """Beginning of names that are relative to it."""
    folder: str | None
    """Real path of its folder; None if it is on a server, the current one if it is a text."""
    trusted: tuple[str, ...]
    """Real paths of the folders that the user trusts."""

    @classmethod
    def of(cls, name: str) -> "_Holder":
        in_place = name.startswith("/vsi") or on_server(name)
        base = (name if in_place else _real(name)).rpartition("/")[0]
        return cls(name=name, base=base, folder=_folder(name), trusted=_trusted())


class _Nowhere(ValueError):
    """A name that is neither that of a file on disk nor on a server."""


@contextmanager
def trusting(made: Path) -> Iterator[None]:
    """Let a VRT that geoseg makes name a file that was opened before."""
    _MADE.add(str(made))
    try:
        yield
    finally:
        _MADE.discard(str(made))


def check_before(source: str) -> None:
    """Raise SceneError for a name that is none, or if a VRT or HDF5 file on disk leads to files elsewhere here.

    So does a VRT that runs code.
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
    if dataset.driver in INDICES and not _within(f"{_folder(file_of(name))}/", _trusted()):
        raise SceneError(
            f"{source} is a {dataset.driver} file, whose names of other files geoseg does not check; if you trust it, "
            f"add its folder to the environment variable {TRUSTED}."
        )
    if dataset.driver in HDF5 and not begins_as_hdf5(source):
        check_hdf5(source)
    if dataset.driver == "VRT" and not os.path.isfile(source):  # noqa: PTH113
        _check_vrt(name, dataset.tags(ns="xml:VRT")["xml:VRT"].encode("utf-8", "surrogateescape"), *above)
    if dataset.driver not in INDICES:
        holder = _Holder.of(name)
        for file in dataset.files[1:]:  # of other formats, and sidecars
            _locate_named(Named(file, relative=False, raw=True), holder)
    report_mixed_palettes(dataset)


def check_named(name: str, holder: str) -> None:
    """Raise SceneError if a document on disk names a file elsewhere on this machine."""
    _locate_named(Named(_as_gdal(name), relative=False, raw=True), _Holder.of(holder))


def _check_vrt(holder: str, text: bytes, *above: str) -> None:
    """Check all that a VRT names, and what that names."""
    if holder in above:
        return  # a circular reference, which GDAL notices
    served: dict[str, None] = {}
    names = _Holder.of(holder)
    for named in dict.fromkeys(read_vrt(holder, text)):
        name = _locate_named(named, names)
        if named.size and os.path.isfile(name) and os.path.getsize(name) < named.size:  # noqa: PTH113, PTH202
            raise SceneError(f"{name}, which {holder} names, is cut off: it has less than {named.size} bytes.")
        if _HDF5_PARTS.fullmatch(name):
            check_hdf5(name)
        if named.raw or _PARTS.fullmatch(name) or _NUMBERED.fullmatch(name):
            continue
        if _locate(name) is None:
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
    if os.path.isfile(name) or not _ARCHIVE.match(name):  # noqa: PTH113
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


def _locate_named(named: Named, holder: _Holder) -> str:
    """Return the name for GDAL of a file that another one names; raises SceneError if it must not be opened."""
    if holder.name.startswith(_MEMORY) and named.name.startswith(_MEMORY):
        return named.name
    try:
        name = _join(named, holder)
        place = _locate(name)
    except _Nowhere:
        raise SceneError(
            f"{holder.name} names {shorten(named.name, 200)}, which is neither a file nor a URL that geoseg opens."
        ) from None
    if place is None:
        return name
    if holder.folder is None:
        raise SceneError(
            f"{holder.name} comes from a server, but names {named.name}, a file of this machine; it is not opened."
        )
    path = _real(place)
    if not _within(path, (holder.folder, *holder.trusted)):
        raise SceneError(
            f"{holder.name} names {path}, which is not in its folder or below; if you trust it, add the folder of that "
            f"file to the environment variable {TRUSTED}."
        )
    return name


def _join(named: Named, holder: _Holder) -> str:
    """Put the folder of a VRT before a name that is relative to it, or before that of the file in it."""
    place = _locate(named.name)
    if place is None or not named.relative or _is_absolute(place):
        return named.name
    return named.name.replace(place, f"{holder.base}/{place}", 1)


def _locate(name: str) -> str | None:
    """Path of a file, or of what holds it, as GDAL names it; None if it is on a server. Raises _Nowhere."""
    if "\0" in name:
        raise _Nowhere
    numbered = _NUMBERED.fullmatch(name)
    file = numbered[1] if numbered else file_of(name) if _PARTS.fullmatch(name) else name
    while inside := _ARCHIVE.match(file):
        file = file[inside.end() :]
        if file.startswith("{"):
            file = file[1:].replace("}", "", 1)
        if file.startswith("vsi"):
            file = f"/{file}"
    if on_server(file):
        return None
    if file.startswith(("/vsi", "<")) or (re.match(r"\w{2,}:", file) and not os.path.exists(file)):  # noqa: PTH110
        raise _Nowhere
    return file


def _folder(holder: str) -> str | None:
    """Folder of a file that names others; None if it is on a server, the current one if it is a text."""
    try:
        place = _locate(holder.removeprefix("vrt://").split("?")[0] if holder.startswith("vrt://") else holder)
    except _Nowhere:
        return _real(".")
    if place is None:
        return None
    path = Path(_real(place))
    return next((part for part in path.parents if part.is_dir()), path.parent).as_posix()


def _trusted() -> tuple[str, ...]:
    names = os.environ.get(TRUSTED, "").split(os.pathsep)
    return tuple(_real(name) for name in names if name)


def _real(place: str) -> str:
    """Real path of a file, with slashes on Windows, too."""
    return Path(os.path.realpath(place)).as_posix()


def _is_absolute(place: str) -> bool:
    """Whether a name is not relative to a folder; on Windows it may begin with a drive or a backslash."""
    return place.startswith("/") or os.path.isabs(place) or bool(os.path.splitdrive(place)[0])  # noqa: PTH117


def _within(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(folder.rstrip("/") + "/") for folder in folders)


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
