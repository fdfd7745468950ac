"""A raster and its overviews as compressed blocks, in parts that different processes may make."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import rasterio
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.windows import Window

from geoseg.models.engines.hardware import count_cores
from geoseg.threads import in_order, in_thread

from .geotiff import check_complete, naming_errors
from .grid import Shape
from .opening.open import GDAL
from .sources.vrt_sources import SIDE, Blocks, add_source, move, restrict, shape_of

PART = 2**24
"""Pixels that a part is made of, about."""
COMPRESSION = {"compress": "deflate", "interleave": "pixel"}
"""How GDAL stores the blocks of results."""
DEFLATE_LEVEL = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelPart:
    """Some rows of blocks of a level, to be made from the raster, or from the level before."""

    source: Path
    target: Path
    shape: Shape
    """Rows and columns of the level."""
    factor: int
    """Rows of the source in one of the level: 1 or, about, 2."""
    blocks: range
    """The level's rows of blocks in this part."""
    written: Blocks
    """Which blocks of the source have data."""
    resampling: str

    @property
    def rows(self) -> slice:
        """Rows of the level."""
        return slice(self.blocks.start * SIDE, min(self.blocks.stop * SIDE, self.shape[0]))

    @property
    def source_rows(self) -> slice:
        """Rows of the source that it is made from, and some more: an odd row is part of the last of an overview."""
        return slice(max(0, self.factor * self.rows.start - SIDE), self.factor * self.rows.stop + SIDE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """A raster, or one of its overviews, as GeoTIFFs of some rows of blocks each."""

    shape: Shape
    files: tuple[tuple[str, range], ...]
    """Name, and rows of blocks, of each."""
    written: Blocks
    """Which blocks have data; the files hold no others."""


Make = Callable[[Sequence[LevelPart]], Iterable[Blocks]]
"""Calls `make_part` for each part of a level, in any process that has the same files; yields the results in order."""


def make_here(parts: Sequence[LevelPart]) -> Iterator[Blocks]:
    """Make the parts of a level on all cores of this process."""
    return in_order(lambda part: in_thread(partial(make_part, part), name="compress"), parts, at_once=count_cores())


def make_levels(
    vrt: Path, folder: Path, resampling: str, *, written: Blocks | None = None, make: Make = make_here
) -> list[Level]:
    """Write, in `folder`, the blocks of a raster and of the overviews GDAL would make, each of the one before.

    `vrt` has a nodata value; `written` are its blocks with data, by default all. Pixels are GDAL's own, those of means
    up to a rare rounding. Raises OSError if a part cannot be written.
    """
    root = Xml.parse(vrt).getroot()
    shape, source = shape_of(root), vrt
    if written is None:
        written = np.ones([math.ceil(size / SIDE) for size in shape], bool)
    else:
        move(root, vrt, folder)
        restrict(root, written)
        source = folder / f"{vrt.stem}_written.vrt"
        Xml.ElementTree(root).write(source, encoding="utf-8")
    with rasterio.open(vrt) as raster:
        bands, nodata, place = raster.count, raster.nodata, raster.transform
    levels: list[Level] = []
    while not levels or max(levels[-1].shape) > SIDE:
        if levels:
            finer, shape = shape, (max(shape[0] // 2, 1), max(shape[1] // 2, 1))
            place @= Affine.scale(finer[1] / shape[1], finer[0] / shape[0])
        shown = folder / f"{vrt.stem}_level_{len(levels)}.vrt"
        parts = _cut(source, shown, shape, written, resampling, factor=2 if levels else 1)
        written = np.concatenate(list(make(parts)))
        source = _show(parts, shown, written, bands=bands, nodata=nodata, place=place)
        files = tuple((part.target.name, part.blocks) for part in parts)
        levels.append(Level(shape=shape, files=files, written=written))
    return levels


def make_part(part: LevelPart) -> Blocks:
    """Write a part of a level to its target; returns which of its blocks have data. OSError if that fails.

    It may run twice at a time: the target is replaced as a whole.
    """
    with (
        rasterio.Env(**GDAL),
        TemporaryDirectory(dir=part.target.parent, prefix="part_") as folder,
        rasterio.open(part.source) as raster,
    ):
        path = Path(folder) / part.target.name
        with naming_errors(path):
            with rasterio.open(path, "w", **_profile(part, raster)) as made:
                blocks = _fill(part, raster, made)
            check_complete(path, written=blocks)
            path.replace(part.target)
    return blocks


def _profile(part: LevelPart, raster: DatasetReader) -> dict[str, Any]:
    down, along = _steps(part, raster)
    rows, width = part.rows, part.shape[1]
    profile = {"driver": "GTiff", "dtype": raster.dtypes[0], "count": raster.count, "nodata": raster.nodata}
    profile |= {"height": rows.stop - rows.start, "width": width, "bigtiff": "if_safer"}
    profile |= {"transform": raster.transform @ Affine.scale(along, down) @ Affine.translation(0, rows.start)}
    profile |= {"tiled": True, "blockxsize": SIDE, "blockysize": SIDE, "sparse_ok": True}
    return profile | COMPRESSION | {"zlevel": DEFLATE_LEVEL}


def _fill(part: LevelPart, raster: DatasetReader, made: DatasetWriter) -> Blocks:
    """Write the blocks of a part that have data; returns which these are."""
    down, along = _steps(part, raster)
    blocks = np.zeros((len(part.blocks), math.ceil(part.shape[1] / SIDE)), bool)
    for row, col in np.ndindex(*blocks.shape):
        lines, cols = _span(part.blocks[row], part.shape[0]), _span(col, part.shape[1])
        if not part.written[_blocks_under(lines, down), _blocks_under(cols, along)].any():
            continue
        height, length = lines.stop - lines.start, cols.stop - cols.start
        values = raster.read(
            window=Window(cols.start * along, lines.start * down, length * along, height * down),
            out_shape=(raster.count, height, length),
            resampling=Resampling[part.resampling],
        )
        blocks[row, col] = (values != raster.nodata).any()
        if blocks[row, col]:
            made.write(values, window=Window(cols.start, lines.start - part.rows.start, length, height))
    return blocks


def _steps(part: LevelPart, raster: DatasetReader) -> tuple[float, float]:
    """Rows and columns of the source in one of the level."""
    return raster.height / part.shape[0], raster.width / part.shape[1]


def _cut(source: Path, shown: Path, shape: Shape, written: Blocks, resampling: str, *, factor: int) -> list[LevelPart]:
    """Cut a level into parts of about `PART` pixels of its source."""
    high, wide = (math.ceil(size / SIDE) for size in shape)
    down = max(1, round(PART / (factor**2 * SIDE**2 * wide)))
    return [
        LevelPart(
            source=source,
            target=shown.with_name(f"{shown.stem}_{top}.tif"),
            shape=shape,
            factor=factor,
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
    parts: Sequence[LevelPart], target: Path, written: Blocks, *, bands: int, nodata: float, place: Affine
) -> Path:
    """Write a VRT of the parts of a level, which may be elsewhere yet, without the blocks that they do not hold."""
    height, width = parts[0].shape
    root = Xml.Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    Xml.SubElement(root, "GeoTransform").text = ", ".join(map(repr, place.to_gdal()))
    for number in range(1, bands + 1):
        band = Xml.SubElement(root, "VRTRasterBand", dataType="Byte", band=str(number))
        Xml.SubElement(band, "NoDataValue").text = str(nodata)
        for part in parts:
            add_source(band, part.target.name, number, (part.rows, slice(0, width)))
    if not written.all():
        restrict(root, written)
    Xml.ElementTree(root).write(target, encoding="utf-8")
    return target
