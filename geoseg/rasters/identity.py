"""What is known of a raster's files without reading them, to notice one that is replaced."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from urllib.request import Request
from xml.etree import ElementTree as Xml

import rasterio

from geoseg.errors import SceneError

from .allowed import open_allowed
from .servers import ask, is_remote
from .source_names import file_of

Mark = tuple[str | int, ...]
"""Name of a file and what changes with its content; the name alone if nothing is known."""

_SIDECAR, _MASK, _OVERVIEWS, _HEADER = ".aux.xml", ".msk", ".ovr", ".hdr"
_STATISTICS = ("Histograms", "Minimum", "Maximum")
"""What programs that show a raster write to its sidecar, beside metadata whose names begin with `STATISTICS_`."""
_MOST_SERVED = 8
"""Rasters behind a VRT that their servers are asked for, one after the other."""
_ARCHIVES = ("/vsizip/", "/vsitar/", "/vsigzip/", "/vsi7z/")


def ask_server(source: str) -> tuple[Mark, ...]:
    """Identify a raster on a web server by what that tells: size, time of modification and ETag; nothing for others.

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
    """Identify a raster on disk, its sidecars, and the rasters behind a VRT by size and time of modification.

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
    return tuple(mark for name in names for mark in (ask_server(name) if name in asked else (_mark(name),)))


def identify_file(path: Path) -> tuple[Mark, ...]:
    """Identify a file on disk that is no raster."""
    return (_mark(str(path)),)


def check_unchanged(source: str, marks: Iterable[Mark]) -> None:
    """Raise SceneError if a file of a raster was replaced since it was identified."""
    for mark in marks:
        name = str(mark[0])
        served = is_remote(name)
        if served and len(mark) == 1:  # nothing was told, or nobody asked
            continue
        (found,) = ask_server(name) or (_mark(name),)
        # A server may tell nothing for a moment.
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


def _mark(name: str) -> Mark:
    for path in _places(name):
        try:
            stat = os.stat(path)  # noqa: PTH116
        except OSError:
            continue
        return name, stat.st_size, stat.st_mtime_ns, *_beside(path)
    return (name,)


def _beside(path: str) -> Iterator[str | int]:
    """Yield what is known of the mask and of GDAL's sidecar beside a raster, if there are any."""
    with suppress(OSError):
        mask = os.stat(path + _MASK)  # noqa: PTH116
        yield from (mask.st_size, mask.st_mtime_ns)
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
    """Ask for the headers of a file's first byte; None if Python cannot reach what GDAL perhaps can.

    SceneError if the server does not answer.
    """
    try:
        return ask(Request(url, headers={"Range": "bytes=0-0"}), lambda answer: answer.headers)
    except (OSError, HTTPException, ValueError):
        return None
