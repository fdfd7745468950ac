"""Identify the files of a raster without reading them completely, to notice one that is replaced."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from stat import S_ISREG
from urllib.request import Request
from xml.etree import ElementTree as Xml

import rasterio

from geoseg.errors import SceneError
from geoseg.files import version_of

from .allowed import open_allowed
from .names import file_of
from .servers import ask, is_remote

Mark = tuple[str | int, ...]
"""Name of a file and what changes with its content; the name alone if nothing is known."""

_PART, _PARTS = 4096, 64
"""Bytes of a part of a file's content that is compared, and how many parts of all files of a raster together."""
_FEWEST = 2
"""Parts of each of very many files behind a VRT: its beginning and its end."""

_SIDECAR, _MASK, _OVERVIEWS, _HEADER = ".aux.xml", ".msk", ".ovr", ".hdr"
_STATISTICS = ("Histograms", "Minimum", "Maximum")
"""Elements that viewers write to a raster's sidecar, besides metadata whose names begin with `STATISTICS_`."""
_MOST_SERVED = 8
"""Rasters behind a VRT that their servers are asked for, one after the other."""
_ARCHIVES = ("/vsizip/", "/vsitar/", "/vsigzip/", "/vsi7z/")


def ask_server(source: str) -> tuple[Mark, ...]:
    """Identify a raster on a web server by the size, time and ETag that the server reports; nothing for others.

    SceneError if the server does not answer.
    """
    if not is_remote(source):
        return ()
    headers = _headers(source.removeprefix("/vsicurl/"))
    if headers is None:
        return ((source,),)
    size = (headers["Content-Range"] or headers["Content-Length"] or "").rpartition("/")[2]
    return ((source, size, headers["Last-Modified"] or "", headers["ETag"] or ""),)


def identify(dataset: rasterio.DatasetReader) -> tuple[Mark, ...]:
    """Identify a raster on disk, its sidecars, and the rasters behind a VRT by size, time of modification and content.

    Of the content, parts are read, since a copy or an archive may give another file of the same size the same time.
    GDAL's own sidecars of all of them count by their content, without statistics, and masks beside them, whether or
    not there are any. The first rasters on web servers behind a VRT on disk count by what their servers tell.
    """
    names = dict.fromkeys(_files(dataset))
    source, *others = names
    asked: list[str] = []
    if _exists(source):
        asked = sorted(filter(is_remote, others))[:_MOST_SERVED]
    for name in others:  # part of the mark of the raster that they are beside
        if name.endswith((_SIDECAR, _MASK)) and name.removesuffix(_SIDECAR).removesuffix(_MASK) in names:
            del names[name]
    parts = _parts_of_each(len(names))
    return tuple(mark for name in names for mark in (ask_server(name) if name in asked else (_mark(name, parts),)))


def identify_file(path: Path) -> tuple[Mark, ...]:
    """Identify a file on disk that is not a raster."""
    return (_mark(str(path), _parts_of_each(1)),)


def check_unchanged(source: str, marks: Collection[Mark]) -> None:
    """Raise SceneError if a file of a raster was replaced since it was identified, by the marks of all its files."""
    parts = _parts_of_each(len(marks))
    for mark in marks:
        name = str(mark[0])
        served = is_remote(name)
        if served and len(mark) == 1:  # the server reported nothing, or was not asked
            continue
        (found,) = ask_server(name) or (_mark(name, parts),)
        # A server may report nothing for a moment.
        if found != mark and not (served and len(found) == 1):
            raise changed(source)


def changed(source: str) -> SceneError:
    """Return the error for a raster that was replaced."""
    return SceneError(f"{source} has changed since the run began; start it again.")


def _files(dataset: rasterio.DatasetReader, *above: str) -> Iterator[str]:
    """Yield a dataset's files; of those behind a VRT, GDAL lists neither sidecars nor what is behind them."""
    first, *others = dataset.files or [dataset.name]
    yield from (first, *others)
    for name in others:
        stem, _ = os.path.splitext(name)  # noqa: PTH122 - Path shortens URLs
        yield from filter(_exists, (name + _OVERVIEWS, name + _HEADER, stem + _HEADER))  # headers are those of ENVI
        if name.lower().endswith(".vrt") and name not in above:
            with open_allowed(name) as behind:
                yield from _files(behind, first, *above)


def _mark(name: str, parts: int) -> Mark:
    for path in _places(name):
        with suppress(OSError):
            return name, *_state(path, parts), *_beside(path, parts)
    return (name,)


def _state(path: str, parts: int) -> tuple[str | int, ...]:
    """Size, time of modification and a checksum of parts of a file; raises OSError if there is none."""
    stat = os.stat(path)  # noqa: PTH116
    if not S_ISREG(stat.st_mode):
        return stat.st_size, stat.st_mtime_ns
    return stat.st_size, stat.st_mtime_ns, _checksum(path, parts, version_of(stat))


@lru_cache(maxsize=2**16)
def _checksum(path: str, parts: int, version: tuple[int, int, int, int]) -> str:
    """Checksum of a file's content, or of parts of it from its beginning to its end; empty if it cannot be read."""
    size, *_ = version
    starts: Sequence[int] = range(0, size, _PART)
    if len(starts) > parts:
        starts = [(size - _PART) * number // (parts - 1) for number in range(parts)]
    digest = sha256()
    try:
        with Path(path).open("rb", buffering=0) as file:
            for start in starts:
                file.seek(start)
                digest.update(file.read(_PART))
    except OSError:
        return ""
    return digest.hexdigest()[:16]


def _parts_of_each(files: int) -> int:
    return max(_FEWEST, _PARTS // max(files, 1))


def _beside(path: str, parts: int) -> Iterator[str | int]:
    """Yield what is known of the mask and of GDAL's sidecar beside a raster, if there are any."""
    with suppress(OSError):
        yield from _state(path + _MASK, parts)
    with suppress(OSError):
        sidecar = os.stat(path + _SIDECAR)  # noqa: PTH116
        if meaning := _meaning(path + _SIDECAR, sidecar.st_size, sidecar.st_mtime_ns):
            yield meaning


def _meaning(path: str, size: int, changed_ns: int) -> str:
    """Checksum of what GDAL's sidecar says of a raster, apart from statistics; empty if it says nothing else."""
    try:
        # GDAL has read it by the same library.
        content = _without_statistics(Xml.parse(path).getroot())
        return "" if content is None else sha256(Xml.tostring(content)).hexdigest()
    except (OSError, Xml.ParseError, RecursionError):
        return f"{size} {changed_ns}"


def _without_statistics(element: Xml.Element) -> Xml.Element | None:
    """Copy an element without statistics and space between elements; None if nothing is left."""
    if element.tag in _STATISTICS or element.get("key", "").startswith("STATISTICS_"):
        return None
    copy = Xml.Element(element.tag, dict(sorted(element.items())))
    copy.text = (element.text or "").strip()
    copy.extend(part for part in map(_without_statistics, element) if part is not None)
    return copy if len(copy) or copy.text or element.tag == "MDI" else None


def _exists(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises where a folder is closed or a name too long


def _places(name: str) -> list[str]:
    """Paths of a file: its own, or those among which its archive is."""
    name = file_of(name)
    inside = next((name.removeprefix(prefix) for prefix in _ARCHIVES if name.startswith(prefix)), None)
    if inside is None:
        return [os.path.abspath(name)]  # noqa: PTH100
    return [str(path) for path in Path(inside).parents if path.is_file()] + [inside]


def _headers(url: str) -> HTTPMessage | None:
    """Request the headers of a file's first byte; None if Python cannot reach a file that GDAL perhaps can.

    SceneError if the server does not answer.
    """
    try:
        return ask(Request(url, headers={"Range": "bytes=0-0"}), lambda answer: answer.headers)
    except (OSError, HTTPException, ValueError):
        return None
