"""Refuse truncated files that GDAL would accept: a map of the pixels that it fills in would look like any other."""

import math
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
import rasterio

from geoseg.errors import SceneError
from geoseg.rasters.sources.identity import ask_server
from geoseg.rasters.sources.servers import is_remote, on_server

# GDAL's fast way to read a whole PNG fills what is missing with black, also after a broken connection; its other fails.
os.environ.setdefault("GDAL_PNG_WHOLE_IMAGE_OPTIM", "NO")

_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
"""Last bytes of a complete image, by GDAL driver; some programs append more."""
_RAW = ("ENVI", "HFA")
_TAG = re.compile(rb"<([A-Za-z_][^\s/>]*)[^>]*>")
_HEAD = 2**16
"""Bytes in which the first tag of metadata is; more are read only where it is not."""
_CHUNK = 2**20
"""Bytes that are searched at a time."""


def refuse_cut_off(source: str, raster: rasterio.DatasetReader, files: Iterable[str]) -> None:
    """Raise SceneError if the end of a PNG, JPEG, TIFF, ENVI or ERDAS file is missing, where GDAL makes it up.

    `files` are all that the raster consists of.

    * ENVI, and ERDAS with pixels in a file of their own: GDAL fills what is missing with black. Also refused where the
      length of the file is unknown.
    * Uncompressed GeoTIFF whose list of blocks is cut off: GDAL takes the first bytes of the file for any of them.
    * PNG and JPEG: looked at on disk only. A JPEG that is cut off after the end of its thumbnail passes, but GDAL fails
      when reading it.
    * A mask beside the raster that is empty, and metadata there that are cut off: GDAL ignores them, and nodata values
      would be lost.
    """
    missing = None
    # GDAL fails where it cannot read the list of a file on a server; see `unread`.
    if raster.driver == "GTiff" and raster.count and not on_server(source) and not _lists_blocks(raster):
        missing = "the list of its blocks is incomplete"
    try:
        end = _ENDS.get(raster.driver)
        if end is not None and os.path.exists(source) and not _holds(Path(source), end):  # noqa: PTH110
            missing = f"the end of its {raster.driver} data is missing"
        elif raster.driver in _RAW:
            missing = _missing_of_raw(source, raster, files)
        sidecar = _cut_off_beside(source)
    except OSError as error:
        raise SceneError(f"{source} cannot be read ({error.strerror}).") from error
    if missing:
        raise SceneError(f"{source} is cut off: {missing}; copy it again.")
    if sidecar:
        raise SceneError(f"{sidecar}, which belongs to {Path(source).name}, is cut off; copy it again, or remove it.")


def _cut_off_beside(source: str) -> Path | None:
    """Return a sidecar of a raster whose end is missing although GDAL would not say so."""
    mask, metadata = Path(f"{source}.msk"), Path(f"{source}.aux.xml")
    if mask.is_file() and mask.stat().st_size == 0:
        return mask
    if not metadata.is_file():
        return None
    with metadata.open("rb") as file:
        root = _TAG.search(file.read(_HEAD)) or _TAG.search(metadata.read_bytes())
    whole = root is not None and (root[0].endswith(b"/>") or _holds(metadata, b"</%b>" % root[1]))
    return None if whole else metadata


def _missing_of_raw(source: str, raster: rasterio.DatasetReader, files: Iterable[str]) -> str | None:
    """State which part of uncompressed, contiguous pixels is missing; None if none is."""
    tags = raster.tags(ns="ENVI")
    if raster.driver == "ENVI":
        places = [] if tags.get("file_compression", "0").strip() not in ("0", "") else [next(iter(files), source)]
        begin = int(tags.get("header_offset", "0"))
    else:
        places, begin = [name for name in files if name.endswith(".ige")], 0
    if any("NBITS" in raster.tags(band, ns="IMAGE_STRUCTURE") for band in raster.indexes):
        return None
    kinds = (dtype.replace("complex_int16", "int32") for dtype in raster.dtypes)
    expected = begin + math.prod(raster.shape) * sum(np.dtype(kind).itemsize for kind in kinds)
    for place in places:
        found = _length(place)
        if found is None:
            raise SceneError(
                f"{source} cannot be checked: GDAL would fill any missing part of {Path(place).name} with black, and "
                "the length of that file is unknown; copy it to this machine, out of its archive if it is in one."
            )
        if found < expected:
            return f"{Path(place).name} has {found} of at least {expected} bytes"
    return None


def _length(place: str) -> int | None:
    """Return the size in bytes of a file on disk, on a web server, or in a zip archive on disk; None if unknown."""
    if is_remote(place):
        ((_, *told),) = ask_server(place)
        return int(told[0]) if told and str(told[0]).isdecimal() else None
    archive, ending, member = place.removeprefix("/vsizip/").rpartition(".zip/")
    if place.startswith("/vsizip/") and ending:
        with suppress(OSError, KeyError, BadZipFile), ZipFile(f"{archive}.zip") as opened:
            return opened.getinfo(member).file_size
    return None if place.startswith("/vsi") else Path(place).stat().st_size


def _lists_blocks(tiff: rasterio.DatasetReader) -> bool:
    """Whether GDAL can read the offset of the last block: it gives 0 if it cannot, and nothing for a missing block."""
    height, width = tiff.block_shapes[-1]
    last = f"BLOCK_OFFSET_{(tiff.width - 1) // width}_{(tiff.height - 1) // height}"
    return bool(tiff.get_tag_item(last, "TIFF", bidx=tiff.count) != "0")


def _holds(path: Path, words: bytes) -> bool:
    """Whether a file holds some bytes, which are looked for from its end.

    A memory map would do as well, but ends the process if the disk cannot be read.
    """
    with path.open("rb") as file:
        top, after = file.seek(0, os.SEEK_END), b""
        while top > 0:
            bottom = max(0, top - _CHUNK)
            file.seek(bottom)
            content = file.read(top - bottom) + after
            if words in content:
                return True
            top, after = bottom, content[: len(words) - 1]
    return False
