"""Overviews of a raster, in parts that different processes may make, or at the cost of the blocks that have data."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree as Xml

import numpy as np
import rasterio
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.windows import Window

from .geotiff import check_complete, naming_errors
from .grid import Shape
from .vrt_sources import SIDE, Blocks, move, restrict, shape_of

PART = 2**26
"""Pixels that a part of an overview is made of, about."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """A raster, or one of its overviews."""

    vrt: Path
    written: Blocks
    """Which of its blocks have data."""


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """A part of an overview: some rows of blocks, to be made from the raster, or the overview before."""

    source: Path
    target: Path
    shape: Shape
    """Rows and columns of the overview."""
    blocks: range
    """Its rows of blocks in this part."""
    written: Blocks
    """Which blocks of the source have data."""
    resampling: str

    @property
    def rows(self) -> slice:
        """Rows of the overview."""
        return slice(self.blocks.start * SIDE, min(self.blocks.stop * SIDE, self.shape[0]))

    @property
    def source_rows(self) -> slice:
        """Rows of the source that it is made from, and some more: an odd row is part of the last of the overview."""
        return slice(max(0, 2 * self.rows.start - SIDE), 2 * self.rows.stop + SIDE)


def with_overviews(
    vrt: Path,
    folder: Path,
    resampling: str,
    *,
    written: Blocks | None = None,
    make: Callable[[Sequence[Reduction]], Iterable[Blocks]] = lambda parts: map(reduce, parts),
) -> list[Level]:
    """Write, in `folder`, a VRT of the same raster with the overviews GDAL would make, each of the one before.

    Returns that VRT, and then those of its overviews. `vrt` has a nodata value; `written` are its blocks with data, by
    default all. Pixels are GDAL's own, those of means up to a rare rounding. `make` calls `reduce` for each of the
    parts of an overview, anywhere that has the same files, and returns the results in order. In the folder of `vrt`,
    the VRTs name their files relative to it.
    """
    root = Xml.parse(vrt).getroot()
    move(root, vrt, folder)
    reduced = shape_of(root)
    if written is None:
        written = np.ones([math.ceil(size / SIDE) for size in reduced], bool)
    else:
        restrict(root, written)
    target = source = folder / f"{vrt.stem}_overviews.vrt"
    Xml.ElementTree(root).write(target, encoding="utf-8")
    with rasterio.open(target) as raster:
        bands, nodata, place = raster.count, raster.nodata, raster.transform
    levels = [Level(vrt=target, written=written)]
    while max(reduced) > SIDE:
        finer, reduced = reduced, (max(reduced[0] // 2, 1), max(reduced[1] // 2, 1))
        place @= Affine.scale(finer[1] / reduced[1], finer[0] / reduced[0])
        overview_vrt = folder / f"{vrt.stem}_overview_{len(levels)}.vrt"
        parts = _cut(source, overview_vrt, reduced, written, resampling)
        written = np.concatenate(list(make(parts)))
        source = _show(parts, overview_vrt, written, bands=bands, nodata=nodata, place=place)
        levels.append(Level(vrt=source, written=written))
        for number, band in enumerate(root.iter("VRTRasterBand"), 1):
            overview = Xml.SubElement(band, "Overview")
            Xml.SubElement(overview, "SourceFilename", relativeToVRT="1").text = source.name
            Xml.SubElement(overview, "SourceBand").text = str(number)
    Xml.ElementTree(root).write(target, encoding="utf-8")
    return levels


def reduce(part: Reduction) -> Blocks:
    """Write a part of an overview to its target; returns which of its blocks have data. OSError if that fails.

    It may run twice at a time: the target is replaced as a whole.
    """
    rows, width = part.rows, part.shape[1]
    blocks = np.zeros((len(part.blocks), math.ceil(width / SIDE)), bool)
    with (
        TemporaryDirectory(dir=part.target.parent, prefix="part_") as folder,
        rasterio.open(part.source) as raster,
    ):
        down, along = (fine / coarse for fine, coarse in zip(raster.shape, part.shape, strict=True))
        nodata, place = raster.nodata, raster.transform
        profile = {"driver": "GTiff", "dtype": raster.dtypes[0], "count": raster.count, "nodata": nodata}
        profile |= {"height": rows.stop - rows.start, "width": width, "interleave": "band", "bigtiff": "if_safer"}
        profile |= {"transform": place @ Affine.scale(along, down) @ Affine.translation(0, rows.start)}
        profile |= {"tiled": True, "blockxsize": SIDE, "blockysize": SIDE, "sparse_ok": True}
        path = Path(folder) / part.target.name
        with naming_errors(path):
            with rasterio.open(path, "w", **profile) as reduced:
                for row, col in np.ndindex(*blocks.shape):
                    lines, cols = _span(part.blocks[row], part.shape[0]), _span(col, width)
                    if not part.written[_blocks_under(lines, down), _blocks_under(cols, along)].any():
                        continue
                    height, length = lines.stop - lines.start, cols.stop - cols.start
                    window = Window(cols.start * along, lines.start * down, length * along, height * down)
                    values = raster.read(
                        window=window,
                        out_shape=(raster.count, height, length),
                        resampling=Resampling[part.resampling],
                    )
                    blocks[row, col] = (values != nodata).any()
                    if blocks[row, col]:
                        reduced.write(values, window=Window(cols.start, lines.start - rows.start, length, height))
            check_complete(path, written=blocks)
            path.replace(part.target)
    return blocks


def _cut(source: Path, target: Path, shape: Shape, written: Blocks, resampling: str) -> list[Reduction]:
    """Cut an overview into parts of about `PART` pixels of its source."""
    high, wide = (math.ceil(size / SIDE) for size in shape)
    down = max(1, round(PART / (4 * SIDE**2 * wide)))
    return [
        Reduction(
            source=source,
            target=target.with_name(f"{target.stem}_{top}.tif"),
            shape=shape,
            blocks=range(top, min(top + down, high)),
            written=written,
            resampling=resampling,
        )
        for top in range(0, high, down)
    ]


def _span(block: int, size: int) -> slice:
    return slice(block * SIDE, min((block + 1) * SIDE, size))


def _blocks_under(span: slice, factor: float) -> slice:
    """Blocks of a raster under a span of one reduced by `factor`."""
    return slice(int(span.start * factor / SIDE), math.ceil(span.stop * factor / SIDE))


def _show(
    parts: Sequence[Reduction], target: Path, written: Blocks, *, bands: int, nodata: float, place: Affine
) -> Path:
    """Write a VRT of the parts of an overview, which may be elsewhere yet, without the blocks that they do not hold."""
    height, width = parts[0].shape
    root = Xml.Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    Xml.SubElement(root, "GeoTransform").text = ", ".join(map(repr, place.to_gdal()))
    for number in range(1, bands + 1):
        band = Xml.SubElement(root, "VRTRasterBand", dataType="Byte", band=str(number))
        Xml.SubElement(band, "NoDataValue").text = str(nodata)
        for part in parts:
            source = Xml.SubElement(band, "SimpleSource")
            Xml.SubElement(source, "SourceFilename", relativeToVRT="1").text = part.target.name
            Xml.SubElement(source, "SourceBand").text = str(number)
            size = {"RasterXSize": str(width), "RasterYSize": str(part.rows.stop - part.rows.start)}
            Xml.SubElement(source, "SourceProperties", size, DataType="Byte")
            for name, top in (("SrcRect", 0), ("DstRect", part.rows.start)):
                window = {"xOff": 0, "yOff": top, "xSize": width, "ySize": part.rows.stop - part.rows.start}
                Xml.SubElement(source, name, {key: str(value) for key, value in window.items()})
    if not written.all():
        restrict(root, written)
    Xml.ElementTree(root).write(target, encoding="utf-8")
    return target
