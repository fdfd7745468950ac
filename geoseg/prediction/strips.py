"""Read a scene strip by strip on the model's grid, reflected where tiles reach beyond it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import rasterio

from geoseg.errors import SceneError
from geoseg.rasters.open import GDAL, opened
from geoseg.rasters.read import read_pixels
from geoseg.rasters.resampling import Resampler
from geoseg.tiling import Roi, reflect

from .plan import Plan

PART_SIDE = 2048
"""Resampling holds about the square of this many of the scene's pixels at a time."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The pixels of one row of tiles of a block."""

    row: int
    """Index of the tile row in the lattice."""
    rows: slice
    """Rows of the grid; they may reach beyond the scene."""
    cols: slice
    """Columns of the grid from the first tile of the block to the last; they may reach beyond the scene."""
    pixels: npt.NDArray[np.generic]
    """`(rows, columns, bands)` in the scene's data type; 0 where it has no data."""
    valid: npt.NDArray[np.bool_]
    """`(rows, columns)`: where the scene has data."""


def read_strips(plan: Plan, block: Roi) -> Iterator[Strip]:
    """Yield the strips of a block from top to bottom.

    Rows are read as whole strips, the pattern that storage in rows and in blocks serves equally well. A pixel depends
    on its place in the grid alone, whatever strip it is read in.

    Raises
    ------
    SceneError
        If the file turns out to be unreadable on the way.
    """
    tile_rows, tile_cols = plan.lattice.touching(block)
    cols = slice(plan.lattice.cols.span(tile_cols[0]).start, plan.lattice.cols.span(tile_cols[-1]).stop)
    # Set here, since a cluster's workers know nothing of the caller's settings.
    with rasterio.Env(**GDAL), opened(plan.scene.source) as dataset:
        if dataset.shape != tuple(plan.scene.geobox.shape):
            raise SceneError(f"{plan.scene.source} has changed since the run was planned; start it again.")
        for row in tile_rows:
            rows = plan.lattice.rows.span(row)
            pixels, valid = _read(plan, dataset, rows, cols)
            yield Strip(row=row, rows=rows, cols=cols, pixels=pixels, valid=valid)


def _read(
    plan: Plan, dataset: rasterio.DatasetReader, rows: slice, cols: slice
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
    """Pixels `(rows, columns, bands)` and validity `(rows, columns)` of a region that may leave the grid."""
    height, width = plan.grid.shape
    row_of, col_of = reflect(rows.start, rows.stop, height), reflect(cols.start, cols.stop, width)
    block = (slice(int(row_of.min()), int(row_of.max()) + 1), slice(int(col_of.min()), int(col_of.max()) + 1))
    pixels, valid = _read_inside(plan, dataset, block)
    inside = np.ix_(row_of - block[0].start, col_of - block[1].start)
    return pixels[inside], valid[inside]


def _read_inside(
    plan: Plan, dataset: rasterio.DatasetReader, block: Roi
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
    """Pixels `(rows, columns, bands)` and validity `(rows, columns)` of a region of the grid, resampled in parts."""
    source_shape = plan.scene.geobox.shape.yx
    if source_shape == plan.grid.shape.yx:
        return read_pixels(dataset, plan.bands, block)
    resampler = Resampler(source_shape=source_shape, target_shape=plan.grid.shape.yx)
    shape = (block[0].stop - block[0].start, block[1].stop - block[1].start)
    pixels = np.zeros((*shape, len(plan.bands)), plan.scene.dtype)
    valid = np.zeros(shape, bool)
    for part in _parts(plan, dataset, block):
        rows, cols = (slice(of.start - all_.start, of.stop - all_.start) for of, all_ in zip(part, block, strict=True))
        values, mask = read_pixels(dataset, plan.bands, resampler.source(part))
        valid[rows, cols] = resampler.nearest(mask, part)
        for band in range(len(plan.bands)):
            filtered = resampler.lanczos(values[..., band], mask, part)
            pixels[rows, cols, band] = np.where(valid[rows, cols], filtered, 0)
    return pixels, valid


def _parts(plan: Plan, dataset: rasterio.DatasetReader, block: Roi) -> Iterator[Roi]:
    """Cut a region of the grid into parts that are made of a bounded number of the scene's pixels.

    A scene stored in strips is read in strips: anything narrower would decode each strip again and again.
    """
    down, along = (native / worked for native, worked in zip(plan.scene.geobox.shape, plan.grid.shape, strict=True))
    in_strips = dataset.block_shapes[0][1] == dataset.width
    cols = block[1].stop - block[1].start if in_strips else max(1, int(PART_SIDE / along))
    rows = max(1, int(PART_SIDE**2 / (cols * along * down)))
    for top in range(block[0].start, block[0].stop, rows):
        for left in range(block[1].start, block[1].stop, cols):
            yield slice(top, min(top + rows, block[0].stop)), slice(left, min(left + cols, block[1].stop))
