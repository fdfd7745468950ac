"""Class rasters whose ids were changed when they were stored: by compression with loss, or by interpolation."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple
from xml.etree import ElementTree as Xml

import rasterio
from rasterio.errors import RasterioError

from geoseg.messages import warn
from geoseg.rasters.sources.allowed import open_allowed
from geoseg.rasters.sources.sidecars import files_behind, without_sidecars

_FILES = 16
"""Files of a mosaic to look at, at most."""
_JPEG = ("JPEG", "YCbCr JPEG")
_MIXING = ("bilinear", "cubic", "cubicspline", "lanczos", "average", "gauss", "rms")
"""Resampling that makes new values of several pixels."""


class Alteration(NamedTuple):
    """What made other ids of some pixels of a class raster."""

    how: str
    """Verb: what was done to the ids."""
    remedy: str


_LOSSY = Alteration("compressed with loss", "store ids without loss, as in PNG or with DEFLATE in a GeoTIFF")
_INTERPOLATED = Alteration("interpolated by a VRT", "resample ids by nearest pixel (`gdalbuildvrt -r nearest`)")


def find_alteration(raster: rasterio.DatasetReader) -> Alteration | None:
    """Find out from its metadata what may have changed the ids of a class raster, or of a file behind a VRT."""
    found, waiting = _look_at(raster)
    for _ in range(_FILES):
        if found is not None or not waiting:
            break
        name = waiting.pop(0)
        with suppress(RasterioError), without_sidecars(name), open_allowed(name) as behind:  # a read says why
            found, further = _look_at(behind)
            waiting += further
    return found


def _look_at(raster: rasterio.DatasetReader) -> tuple[Alteration | None, list[str]]:
    """Find what a raster itself does to ids, and the files to look at next."""
    if raster.driver != "VRT":
        return _LOSSY if _is_lossy(raster) else None, []
    if _interpolates(Xml.fromstring(raster.tags(ns="xml:VRT")["xml:VRT"])):
        return _INTERPOLATED, []
    return None, files_behind(raster)


def describe_alteration(name: str, found: Alteration, *, others: int = 0) -> str:
    """Say in a sentence that ids of the class raster `name`, and of `others`, may be wrong."""
    more = f", as are those of {others} more" if others else ""
    return (
        f"the class ids of {name} are {found.how}{more}, so that some pixels have the id of another class, most of "
        f"all where classes meet; use the raster that it was made from, and {found.remedy}."
    )


def report_alterations(rasters: Iterable[tuple[str, Alteration | None]]) -> None:
    """Warn of class rasters, of these names, whose ids may be wrong; once for each cause."""
    names: dict[Alteration, list[str]] = defaultdict(list)
    for name, found in rasters:
        if found is not None:
            names[found].append(name)
    for found, (first, *others) in names.items():
        warn(describe_alteration(first, found, others=len(others)))


def _is_lossy(raster: rasterio.DatasetReader) -> bool:
    structure = raster.tags(ns="IMAGE_STRUCTURE")
    return (
        raster.driver == "JPEG"
        or structure.get("COMPRESSION") in _JPEG
        or structure.get("COMPRESSION_REVERSIBILITY") == "LOSSY"
        or float(structure.get("MAX_Z_ERROR", 0)) >= 1
    )


def _interpolates(vrt: Xml.Element) -> bool:
    """Whether a VRT warps, or changes the size of a source, by a method that mixes pixels."""
    if any((part.text or "").strip().lower() in _MIXING for part in vrt.iter("ResampleAlg")):
        return True
    return any(
        source.get("resampling", "").lower() in _MIXING and _size(source, "SrcRect") != _size(source, "DstRect")
        for source in vrt.iter()
    )


def _size(source: Xml.Element, rectangle: str) -> tuple[float, float] | None:
    found = source.find(rectangle)
    return None if found is None else (float(found.get("xSize", 0)), float(found.get("ySize", 0)))
