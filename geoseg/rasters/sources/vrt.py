"""Read which files a VRT names, as GDAL would."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

import numpy as np

from geoseg.errors import SceneError
from geoseg.messages import warn

VRT = b"<VRTDataset"
HEAD = 1024
"""Bytes in which GDAL looks for what makes a file a VRT."""
_NAMED = re.compile(r".*filename.*|.*dataset|dempath|rpcdem|grids")
"""Elements and attributes of a VRT, in lower case as GDAL compares them, whose text is the name of a file."""
_HARMLESS = ("GEOREF_SOURCES", "IGNORE_COG_LAYOUT_BREAK", "NUM_THREADS", "OVERVIEW_LEVEL", "USE_TILE_AS_BLOCK")
"""Options of opening that name nothing."""
_BY_WINDOW = frozenset({"average", "gauss"})
"""Resampling whose pixels depend on the window that is read."""
_COMPLEX = {"cint16": "i4", "cint32": "i8", "cfloat32": "c8", "cfloat64": "c16"}
_NAMED_KEYS = re.compile(r"[xy]_dataset|overview_file")
"""Keys of metadata items that are, too."""


@dataclass(frozen=True)
class Named:
    """A file that a VRT names."""

    name: str
    relative: bool
    """Whether the name is relative to the VRT, not to the current folder."""
    raw: bool
    """Whether its bytes are read as pixels, whatever it is."""
    size: int = 0
    """Bytes that it must have for all of these; 0 if that is not known."""


def read_vrt(holder: str, text: bytes) -> Iterator[Named]:
    """Yield what a VRT names; SceneError reports one that runs code, or that GDAL may read otherwise than Python."""
    builder = Xml.TreeBuilder(insert_comments=True, insert_pis=True)
    try:
        if b"<!DOCTYPE" in text:
            raise ValueError("it has a document type")
        root = Xml.fromstring(text, Xml.XMLParser(target=builder))
    except (Xml.ParseError, ValueError) as error:
        raise SceneError(f"{holder} is not a valid VRT ({error}); write it again (`gdalbuildvrt`).") from error
    _report_means(holder, root)
    waiting = [(root, 0)]
    while waiting:
        element, raw = waiting.pop()
        tag = _tag(element)
        values = {_local(key): value for key, value in element.items()}
        if tag == "vrtrasterband":
            raw = _raw_size(root, element) if values.get("subclass", "").lower() == "vrtrawrasterband" else 0
        words = [(tag, (element.text or "")), *values.items()]
        if any(word == "pixelfunctionlanguage" and value.strip().lower() == "python" for word, value in words):
            raise SceneError(f"{holder} computes pixels with a Python function, which is not run; apply it first.")
        if tag == "ooi" and values.get("key", "").upper() not in _HARMLESS:
            raise SceneError(
                f"{holder} opens a file with the option {values.get('key', '')}, which may lead to others; write it "
                "again without (`gdalbuildvrt`)."
            )
        key = values.get("key", values.get("name", "")).lower()
        named = [value for word, value in words if _NAMED.fullmatch(word)]
        if (tag == "mdi" and _NAMED_KEYS.fullmatch(key)) or (tag == "argument" and _NAMED.fullmatch(key)):
            named.append(element.text or "")
        if any(value.strip() for value in named) and len(element):
            raise SceneError(
                f"{holder} is not a valid VRT (a file name in <{tag}> with other content); write it again."
            )
        relative = values.get("relativetovrt", "0").strip() != "0"
        yield from (Named(value.strip(), relative, raw > 0, raw) for value in named if value.strip())
        # Other metadata may be XML of any kind.
        waiting.extend((part, raw) for part in element if tag != "metadata" or _tag(part) == "mdi")


def _report_means(holder: str, root: Xml.Element) -> None:
    """Warn of sources that are resampled by what GDAL takes from whole pixels around each window."""
    words = (word for part in root.iter() for word in part.items())
    found = {value.lower() for key, value in words if _local(key) == "resampling"}
    if kinds := sorted(found & _BY_WINDOW):
        warn(
            f"{holder} resamples by {kinds[0]}, which GDAL does differently in each window that is read, so that "
            "results depend on how the scene is divided: build it with another method (`gdalbuildvrt -r cubic`), or "
            "write it to a file first (`gdal_translate IN.vrt OUT.tif`).",
        )


def _raw_size(root: Xml.Element, band: Xml.Element) -> int:
    """Return the bytes that the file of a raw band must have, at least 1."""
    words = {_tag(part): (part.text or "").strip() for part in band}
    values = {_local(key): value for key, value in band.items()}
    shape = {_local(key): value for key, value in root.items()}
    try:
        width, height = int(shape["rasterxsize"]), int(shape["rasterysize"])
        kind = values.get("datatype", "Byte").lower()
        pixel = np.dtype({"byte": "u1"}.get(kind, _COMPLEX.get(kind, kind))).itemsize
        step = int(words.get("pixeloffset", pixel))
        line = int(words.get("lineoffset", step * width))
        corners = [row * line + column * step for row in (0, height - 1) for column in (0, width - 1)]
        return max(1, int(words.get("imageoffset", 0)) + max(corners) + pixel)
    except (KeyError, ValueError, TypeError):  # GDAL knows why
        return 1


def _tag(element: Xml.Element) -> str:
    """Name of an element; empty for a comment."""
    return _local(element.tag) if isinstance(element.tag, str) else ""


def _local(name: str) -> str:
    return name.rpartition("}")[2].lower()
