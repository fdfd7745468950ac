"""Add, read and narrow the sources of VRTs that geoseg writes."""

import math
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import numpy.typing as npt

from geoseg.rasters.grid import Shape
from geoseg.tiling import Roi, clip, roi_shape, within

from .vrt import VRT

Blocks = npt.NDArray[np.bool_]
"""Which blocks of `SIDE` have data, `(rows, columns)`."""

SIDE = 512
"""Side of the blocks of results, and largest side of the smallest overview."""
_RECTANGLES = 64
"""Parts of a source that a VRT shows, at most: GDAL looks at all of them for each block."""


def shape_of(root: Xml.Element) -> Shape:
    """Rows and columns of a VRT."""
    return int(root.attrib["rasterYSize"]), int(root.attrib["rasterXSize"])


def has_no_sources(raster: Path) -> bool:
    """Whether a piece or work raster is a VRT: one without sources stands for a raster without data."""
    with raster.open("rb") as file:
        return file.read(len(VRT)) == VRT


def add_source(band: Xml.Element, raster: str, number: int, region: Roi) -> None:
    """Show a band of a raster of bytes, beside the VRT, in a region; GDAL opens it when it reads there."""
    rows, cols = region
    height, width = roi_shape(region)
    source = Xml.SubElement(band, "SimpleSource")
    Xml.SubElement(source, "SourceFilename", relativeToVRT="1").text = raster
    Xml.SubElement(source, "SourceBand").text = str(number)
    Xml.SubElement(source, "SourceProperties", RasterXSize=str(width), RasterYSize=str(height), DataType="Byte")
    for name, left, top in (("SrcRect", 0, 0), ("DstRect", cols.start, rows.start)):
        place = {"xOff": left, "yOff": top, "xSize": width, "ySize": height}
        Xml.SubElement(source, name, {key: str(value) for key, value in place.items()})


def path_of(source: Xml.Element, vrt: Path) -> Path:
    """The file that a source of a VRT reads."""
    return vrt.parent / str(_name(source).text)


def names_of(vrt: Path, rows: slice | None = None) -> list[str]:
    """Names of the files that a VRT shows, in `rows` if they are given."""
    root = Xml.parse(vrt).getroot()
    shown = [each for each in root.iter("SimpleSource") if rows is None or _meets(region_of(each)[0], rows)]
    return [*dict.fromkeys(str(_name(each).text) for each in shown)]


def _meets(span: slice, other: slice) -> bool:
    return bool(span.start < other.stop and other.start < span.stop)


def region_of(source: Xml.Element) -> Roi:
    """Rows and columns of the VRT that a source shows."""
    place = source.find("DstRect")
    if place is None:
        raise ValueError("A source of the VRT has no place.")
    left, top, width, height = (round(float(place.attrib[key])) for key in ("xOff", "yOff", "xSize", "ySize"))
    return slice(top, top + height), slice(left, left + width)


def move(root: Xml.Element, vrt: Path, folder: Path) -> None:
    """Have the sources of a VRT name their files so that it may lie in another folder."""
    if folder == vrt.parent:
        return
    for source in root.iter("SimpleSource"):
        path = path_of(source, vrt).absolute()
        name = _name(source)
        name.text = str(path)
        name.set("relativeToVRT", "0")


def remove_sources(root: Xml.Element) -> None:
    """Have a VRT show nothing."""
    for band in root.iter("VRTRasterBand"):
        for source in band.findall("SimpleSource"):
            band.remove(source)


def restrict(root: Xml.Element, written: Blocks) -> None:
    """Have the sources of a VRT show rectangles that hold all written blocks: GDAL fills the rest faster."""
    for band in root.iter("VRTRasterBand"):
        for source in band.findall("SimpleSource"):
            place, region = list(band).index(source), region_of(source)
            band.remove(source)
            for number, part in enumerate(_rectangles(region, written)):
                band.insert(place + number, _part(source, region, part))


def _name(source: Xml.Element) -> Xml.Element:
    found = source.find("SourceFilename")
    if found is None or found.text is None:
        raise ValueError("A source of the VRT has no file name.")
    return found


def _part(source: Xml.Element, region: Roi, part: Roi) -> Xml.Element:
    """Copy a source that shows a region for a part of it, pixel for pixel."""
    copy = deepcopy(source)
    for name, frame in (("SrcRect", region), ("DstRect", (slice(0, 0), slice(0, 0)))):
        rows, cols = map(within, part, frame)
        place = copy.find(name)
        if place is None:
            raise ValueError(f"A source of the VRT has no {name}.")
        place.attrib.update(xOff=str(cols.start), yOff=str(rows.start))
        place.attrib.update(xSize=str(cols.stop - cols.start), ySize=str(rows.stop - rows.start))
    return copy


def _rectangles(region: Roi, written: Blocks) -> Iterator[Roi]:
    """Cover the written blocks of a region by rectangles of pixels, one below another."""
    first, last = region[0].start // SIDE, math.ceil(region[0].stop / SIDE)
    left, right = region[1].start // SIDE, math.ceil(region[1].stop / SIDE)
    height = math.ceil((last - first) / _RECTANGLES)
    for top in range(first, last, height):
        some = written[top : min(top + height, last), left:right]
        down, across = (np.flatnonzero(some.any(axis=axis)) for axis in (1, 0))
        if down.size:
            rows = slice((top + int(down[0])) * SIDE, (top + int(down[-1]) + 1) * SIDE)
            cols = slice((left + int(across[0])) * SIDE, (left + int(across[-1]) + 1) * SIDE)
            yield clip(rows, region[0]), clip(cols, region[1])
