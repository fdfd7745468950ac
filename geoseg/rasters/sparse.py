"""Overviews of a raster most of whose blocks have no data, at the cost of those that have some."""

import math
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.windows import Window

from geoseg.tiling import Roi, clip, within

from .grid import Shape

Blocks = npt.NDArray[np.bool_]
"""Which blocks of `SIDE` have data, `(rows, columns)`."""

SIDE = 512
"""Side of the blocks of results, and largest side of the smallest overview."""
_RECTANGLES = 64
"""Parts of a source that a VRT shows, at most: GDAL looks at all of them for each block."""


def find_written(vrt: Path) -> Blocks:
    """Return which blocks of a VRT of rasters, beside or below each other, have pixels that are not nodata.

    Of sparse GeoTIFFs, blocks that they do not hold are not read; nor are VRTs without sources.
    """
    root = Xml.parse(vrt).getroot()
    shape = _shape(root)
    found = np.zeros([math.ceil(size / SIDE) for size in shape], bool)
    (first, *_) = root.iter("VRTRasterBand")
    nodata = float(first.findtext("NoDataValue", "nan"))
    for source in first.iter("SimpleSource"):
        (rows, cols), path = _region(source), _path(source, vrt)
        if _is_without_sources(path):
            continue
        with rasterio.open(path) as raster:
            for (row, col), window in raster.block_windows(1):
                sparse = raster.driver == "GTiff"
                if sparse and raster.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=1) is None:
                    continue
                _mark(
                    found,
                    raster.read(1, window=window) != nodata,
                    rows.start + window.row_off,
                    cols.start + window.col_off,
                )
    return found


def _mark(found: Blocks, some: Blocks, top: int, left: int) -> None:
    """Mark the blocks that hold any true pixel `(rows, columns)` of a window."""
    height, width = some.shape
    bottom, right = top + height, left + width
    rows, cols = (range(start // SIDE, (stop - 1) // SIDE + 1) for start, stop in ((top, bottom), (left, right)))
    down, across = ([max(block * SIDE - start, 0) for block in span] for span, start in ((rows, top), (cols, left)))
    marked = np.logical_or.reduceat(np.logical_or.reduceat(some, down, axis=0), across, axis=1)
    found[rows.start : rows.stop, cols.start : cols.stop] |= marked


def with_overviews(vrt: Path, folder: Path, written: Blocks, resampling: str) -> Path:
    """Write, in `folder`, a VRT of the same raster with the overviews GDAL would make, each of the one before.

    `vrt` has a nodata value and the `written` blocks. Pixels are GDAL's own, those of means up to a rare rounding.
    """
    root = Xml.parse(vrt).getroot()
    for source in root.iter("SimpleSource"):
        name = _name(source)
        name.text = str(_path(source, vrt).absolute())
        name.set("relativeToVRT", "0")
    reduced = _shape(root)
    _restrict(root, written)
    target = source_path = folder / f"{vrt.stem}_overviews.vrt"
    Xml.ElementTree(root).write(target, encoding="utf-8")
    level = 0
    while max(reduced) > SIDE:
        level += 1
        reduced = max(reduced[0] // 2, 1), max(reduced[1] // 2, 1)
        source_path, written = _reduce(
            source_path, written, reduced, folder / f"{vrt.stem}_overview_{level}.tif", resampling
        )
        for number, band in enumerate(root.iter("VRTRasterBand"), 1):
            overview = Xml.SubElement(band, "Overview")
            Xml.SubElement(overview, "SourceFilename", relativeToVRT="1").text = source_path.name
            Xml.SubElement(overview, "SourceBand").text = str(number)
    Xml.ElementTree(root).write(target, encoding="utf-8")
    return target


def _shape(root: Xml.Element) -> Shape:
    return int(root.attrib["rasterYSize"]), int(root.attrib["rasterXSize"])


def _name(source: Xml.Element) -> Xml.Element:
    found = source.find("SourceFilename")
    if found is None or found.text is None:
        raise ValueError("A source of the VRT has no file name.")
    return found


def _path(source: Xml.Element, vrt: Path) -> Path:
    return vrt.parent / str(_name(source).text)


def _region(source: Xml.Element) -> Roi:
    """Rows and columns of the VRT that a source shows."""
    place = source.find("DstRect")
    if place is None:
        raise ValueError("A source of the VRT has no place.")
    left, top, width, height = (round(float(place.attrib[key])) for key in ("xOff", "yOff", "xSize", "ySize"))
    return slice(top, top + height), slice(left, left + width)


def _is_without_sources(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"<VRT"


def _reduce(source: Path, written: Blocks, shape: Shape, target: Path, resampling: str) -> tuple[Path, Blocks]:
    """Write a reduced version of a raster to `target`; returns a VRT of it, and which blocks it holds."""
    blocks = np.zeros([math.ceil(size / SIDE) for size in shape], bool)
    with rasterio.open(source) as raster:
        down, along = (fine / coarse for fine, coarse in zip(raster.shape, shape, strict=True))
        nodata = raster.nodata
        profile = {"driver": "GTiff", "dtype": raster.dtypes[0], "count": raster.count, "nodata": nodata}
        profile |= {"height": shape[0], "width": shape[1], "interleave": "band", "bigtiff": "if_safer"}
        profile |= {"transform": raster.transform @ Affine.scale(along, down)}
        profile |= {"tiled": True, "blockxsize": SIDE, "blockysize": SIDE, "sparse_ok": True}
        with rasterio.open(target, "w", **profile) as reduced:
            for row, col in np.ndindex(*blocks.shape):
                rows, cols = _span(row, shape[0]), _span(col, shape[1])
                if not written[_blocks_under(rows, down), _blocks_under(cols, along)].any():
                    continue
                height, width = rows.stop - rows.start, cols.stop - cols.start
                window = Window(cols.start * along, rows.start * down, width * along, height * down)
                values = raster.read(
                    window=window, out_shape=(raster.count, height, width), resampling=Resampling[resampling]
                )
                blocks[row, col] = (values != nodata).any()
                if blocks[row, col]:
                    reduced.write(values, window=Window.from_slices(rows, cols))
    return _shown(target, shape, blocks), blocks


def _span(block: int, size: int) -> slice:
    return slice(block * SIDE, min((block + 1) * SIDE, size))


def _blocks_under(span: slice, factor: float) -> slice:
    """Blocks of a raster under a span of one reduced by `factor`."""
    return slice(int(span.start * factor / SIDE), math.ceil(span.stop * factor / SIDE))


def _shown(path: Path, shape: Shape, written: Blocks) -> Path:
    """Write a VRT of a GeoTIFF, without the blocks that it does not hold."""
    with rasterio.open(path) as raster:
        count, nodata, place = raster.count, raster.nodata, raster.transform.to_gdal()
    height, width = (str(size) for size in shape)
    root = Xml.Element("VRTDataset", rasterXSize=width, rasterYSize=height)
    Xml.SubElement(root, "GeoTransform").text = ", ".join(map(repr, place))
    for number in range(1, count + 1):
        band = Xml.SubElement(root, "VRTRasterBand", dataType="Byte", band=str(number))
        Xml.SubElement(band, "NoDataValue").text = str(nodata)
        source = Xml.SubElement(band, "SimpleSource")
        Xml.SubElement(source, "SourceFilename", relativeToVRT="1").text = path.name
        Xml.SubElement(source, "SourceBand").text = str(number)
        for name in ("SrcRect", "DstRect"):
            Xml.SubElement(source, name, xOff="0", yOff="0", xSize=width, ySize=height)
    _restrict(root, written)
    target = path.with_suffix(".vrt")
    Xml.ElementTree(root).write(target, encoding="utf-8")
    return target


def _restrict(root: Xml.Element, written: Blocks) -> None:
    """Have the sources of a VRT show rectangles that hold all written blocks: GDAL fills the rest faster."""
    for band in root.iter("VRTRasterBand"):
        for source in band.findall("SimpleSource"):
            place, region = list(band).index(source), _region(source)
            band.remove(source)
            for number, part in enumerate(_rectangles(region, written)):
                band.insert(place + number, _part(source, region, part))


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
    """Cover the written blocks of a region by rectangles of pixels below each other."""
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
