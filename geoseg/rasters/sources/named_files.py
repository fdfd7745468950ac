"""Locate the files that a raster names, which must be in its folder, below it, or in a folder that the user trusts."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from geoseg.errors import SceneError

from .names import file_of
from .servers import on_server
from .vrt import Named

TRUSTED = "GEOSEG_TRUSTED_FOLDERS"
"""Environment variable: folders, separated as in PATH, whose files a VRT or STAC item may name wherever it lies."""

_ARCHIVE = re.compile(r"/?vsi(zip|tar|gzip|7z|rar)/")
_PARTS = re.compile(r"(NETCDF|HDF4_\w+|HDF5|GPKG|SENTINEL2_\w+):.*", re.IGNORECASE | re.DOTALL)
"""Names of a part of a file, of formats that hold pixels."""
_NUMBERED = re.compile(r"(?:GTIFF_DIR|NITF_IM):(?:off:)?\d+:(.+)", re.IGNORECASE | re.DOTALL)
_MEMORY = "/vsimem/"


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A file that names others."""

    name: str
    base: str
    """Beginning of names that are relative to it."""
    folder: str | None
    """Real path of its folder; None if it is on a server, the current one if it is a text."""
    trusted: tuple[str, ...]
    """Real paths of the folders that the user trusts."""

    @classmethod
    def of(cls, name: str) -> "Holder":
        """Describe a file by its name for GDAL; of a text, such as the XML of a VRT, the text itself."""
        in_place = name.startswith("/vsi") or on_server(name)
        base = (name if in_place else _real(name)).rpartition("/")[0]
        return cls(name=name, base=base, folder=_folder(name), trusted=_trusted())


class _Nowhere(ValueError):
    """A name that is neither that of a file on disk nor on a server."""


def locate_named(named: Named, holder: Holder) -> str:
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


def is_trusted(name: str) -> bool:
    """Whether a file that names others is in a folder that the user trusts."""
    return _within(f"{_folder(file_of(name))}/", _trusted())


def is_part(name: str) -> bool:
    """Whether a name is that of a part of a file, of a format that holds pixels."""
    return bool(_PARTS.fullmatch(name) or _NUMBERED.fullmatch(name))


def is_served(name: str) -> bool:
    """Whether a file that `locate_named` found is on a server."""
    return _locate(name) is None


def in_archive(name: str) -> bool:
    """Whether a file that `locate_named` found is in an archive."""
    return bool(_ARCHIVE.match(name))


def _join(named: Named, holder: Holder) -> str:
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
