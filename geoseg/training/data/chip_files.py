"""Write the chips of an image and its labels as GeoTIFFs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp

from geoseg.rasters.bands.texts import BandTexts
from geoseg.rasters.geotiff import check_complete, writing_geotiff
from geoseg.rasters.ground import crs_of
from geoseg.rasters.values import is_physical
from geoseg.tiling import Lattice, Roi, Tile

from .pairs import Pair
from .read_pairs import intersect, read_image, shift


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Size and overlap of chips."""

    size: int
    """Side of a chip, in pixels."""
    overlap: float
    """Share of a chip that neighbours have in common, 0 to 0.5."""

    def strips(self, shape: tuple[int, int]) -> Iterator[list[Tile]]:
        """Yield rows of chips that cover an image; chips at its edges may extend beyond it."""
        tiles = Lattice(shape=shape, tile=self.size, overlap=int(self.overlap * self.size)).tiles()
        for _, row in groupby(tiles, key=lambda tile: tile.row):
            yield list(row)


Described = tuple[ColorInterp, BandTexts]
"""Colour interpretation and texts of a band of images."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Labels of one image in the form to write."""

    read: Callable[[Roi], tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]
    """Read values `(bands, rows, columns)` of a region of the grid, and their validity mask."""
    fill: float
    """Value of invalid pixels."""
    nodata: float | None
    colour_table: Mapping[int, tuple[int, ...]] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def write_chips(pair: Pair, labels: Labels, bands: Sequence[Described], cut: Cut, target: Path) -> int:
    """Write the chips of a pair strip by strip; return their number."""
    written = 0
    for tiles in cut.strips(pair.shape):
        rows, _ = _inside(tiles[0], pair.shape)[0]
        strip = (rows, slice(0, pair.shape[1]))
        (pixels, valid), (values, known) = read_image(pair, strip), labels.read(strip)
        for tile in tiles:
            (_, cols), inside = _inside(tile, pair.shape)
            if not (known & valid)[:, cols].any():
                continue
            name = f"{pair.name}_{tile.row:03d}_{tile.col:03d}.tif"
            chip = _pad(np.moveaxis(pixels, -1, 0)[..., cols], inside, cut)
            mask = _pad(valid[:, cols], inside, cut)
            _write_chip(target / "images" / name, pair, tile, chip, mask, described=bands)
            chip = _pad(values[..., cols], inside, cut, labels.fill)
            labelled = _pad(known[:, cols], inside, cut) if labels.nodata is None else None
            _write_chip(target / "labels" / name, pair, tile, chip, labelled, labels=labels)
            written += 1
    return written


def _inside(tile: Tile, shape: tuple[int, int]) -> tuple[Roi, Roi]:
    """Part of a tile inside the image, in pixels of the image and of the tile."""
    inside = intersect((tile.rows, tile.cols), (slice(0, shape[0]), slice(0, shape[1])))
    return inside, shift(inside, (tile.rows, tile.cols))


def _pad(values: npt.NDArray[Any], inside: Roi, cut: Cut, fill: float = 0) -> npt.NDArray[Any]:
    """Pad values `(…, rows, columns)` to a whole chip."""
    chip = np.full((*values.shape[:-2], cut.size, cut.size), fill, values.dtype)
    chip[..., inside[0], inside[1]] = values
    return chip


def _write_chip(
    path: Path,
    pair: Pair,
    tile: Tile,
    bands: npt.NDArray[Any],
    valid: npt.NDArray[np.bool_] | None = None,
    *,
    described: Sequence[Described] = (),
    labels: Labels | None = None,
) -> None:
    """Write a chip `(bands, rows, columns)` with its georeference, and a mask if a pixel is invalid."""
    place = {}
    if pair.grid is not None:
        shift = Affine.translation(tile.cols.start, tile.rows.start)
        place = {"crs": crs_of(pair.grid).to_wkt(), "transform": pair.grid.transform @ shift}
    count, height, width = bands.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    masked = valid is not None and not valid.all()
    with writing_geotiff(path):
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(
                path, "w", driver="GTiff", count=count, height=height, width=width, dtype=bands.dtype,
                nodata=None if labels is None else labels.nodata, compress="deflate",
                num_threads=1, **place,
            ) as chip,
        ):  # fmt: skip
            if described:
                chip.colorinterp = [colour for colour, _ in described]
                for number, (_, texts) in enumerate(described, 1):
                    texts.write(chip, number)
                if is_physical(pair.units):
                    chip.scales = [unit.scale for unit in pair.units]
                    chip.offsets = [unit.offset for unit in pair.units]
            chip.write(bands)
            if masked:
                chip.write_mask(valid)
            if labels is not None:
                chip.update_tags(**labels.tags)
                if labels.colour_table is not None:
                    chip.write_colormap(1, labels.colour_table)
        check_complete(path, masked=masked)
