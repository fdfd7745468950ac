"""Read a scene strip by strip on the model's grid, reflected where tiles reach beyond it."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.rasters.read import Masked
from geoseg.tiling import Roi, any_true, concatenate, is_repeated, reflect, within

from .plan import Plan
from .readers import read_regions

Planes = tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]
"""Pixels `(bands, rows, columns)` and validity `(rows, columns)`."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The pixels of one row of tiles of a block."""

    row: int
    """Index of the tile row in the lattice."""
    rows: slice
    """Rows of the grid; may extend beyond the scene."""
    cols: slice
    """Columns of the grid from the block's first tile to its last; may extend beyond the scene."""
    pixels: npt.NDArray[np.generic]
    """`(rows, columns, bands)` in the scene's data type, stored band by band; 0 where it has no data.

    Of a strip that a sparse file lacks, pixels and masks take no memory, and cannot be changed.
    """
    valid: npt.NDArray[np.bool_]
    """`(rows, columns)`: where the scene has data."""
    wanted: npt.NDArray[np.bool_]
    """`(rows, columns)`: where it has data in the area of interest."""
    with_data: npt.NDArray[np.bool_]
    """`(tiles,)`: which tiles have any such pixel."""

    def wanted_in(self, rows: slice, cols: slice) -> npt.NDArray[np.bool_]:
        """`wanted` in rows and columns of the grid."""
        return self.wanted[within(rows, self.rows), within(cols, self.cols)]


def read_strips(plan: Plan, block: Roi, tile_rows: range | None = None) -> Iterator[Strip]:
    """Yield the strips of a block, or some of them, from top to bottom; rows that two strips share are read once.

    Raises SceneError if the scene cannot be read.
    """
    touching, tile_cols = plan.lattice.touching(block)
    tile_rows = touching if tile_rows is None else tile_rows
    cols = slice(plan.lattice.cols.span(tile_cols[0]).start, plan.lattice.cols.span(tile_cols[-1]).stop)
    height, width = plan.grid.shape
    needed = [_sources(plan.lattice.rows.span(row), height) for row in tile_rows]
    unread = [needed[0], *(_unread(rows, above) for above, rows in pairwise(needed))]
    across = _sources(cols, width)
    regions = [(_to_slice(rows), _to_slice(across)) for rows in unread if rows]
    held: Planes = (np.empty((len(plan.bands), 0, len(across))), np.empty((0, len(across)), bool))
    with closing(read_regions(plan, regions)) as reading:
        for row, rows, new in zip(tile_rows, needed, unread, strict=True):
            held = _move_down(held, len(rows) - len(new), next(reading) if new else None)
            span = plan.lattice.rows.span(row)
            pixels, valid = (
                _reflected(_reflected(plane, span, height, rows.start, axis=-2), cols, width, across.start, axis=-1)
                for plane in held
            )
            # Here only: GDAL draws the area, which rasterio cannot do in two threads at a time without warnings.
            empty = not any_true(valid)
            wanted = valid if plan.aoi is None or empty else valid & ~plan.aoi.outside(span, cols)
            some = np.zeros(wanted.shape[1], bool) if empty else np.logical_or.reduce(wanted)
            yield Strip(
                row=row,
                rows=span,
                cols=cols,
                pixels=np.moveaxis(pixels, 0, -1),
                valid=valid,
                wanted=wanted,
                with_data=np.array([some[within(plan.lattice.cols.span(col), cols)].any() for col in tile_cols]),
            )


def _sources(span: slice, size: int) -> range:
    """Pixels of the grid that a span shows, reflected where it extends beyond the grid."""
    index = reflect(span.start, span.stop, size)
    return range(int(index.min()), int(index.max()) + 1)


def _unread(rows: range, above: range) -> range:
    """Rows that the strip above does not have; all of them unless it has the first."""
    return range(above.stop, rows.stop) if above.start <= rows.start < above.stop <= rows.stop else rows


def _to_slice(span: range) -> slice:
    return slice(span.start, span.stop)


def _move_down(held: Planes, shared: int, read: Masked | None) -> Planes:
    """Keep the last `shared` rows of a strip, and append those that were read."""
    kept = [plane[..., plane.shape[-2] - shared :, :] for plane in held]
    if read is not None:
        new = np.moveaxis(read[0], -1, 0), read[1]
        kept = [concatenate(parts, axis=-2) if shared else parts[1] for parts in zip(kept, new, strict=True)]
    return kept[0], kept[1]


def _reflected(plane: npt.NDArray[Any], span: slice, size: int, start: int, *, axis: int) -> npt.NDArray[Any]:
    """Lay pixels of the grid from `start` out over a span along an axis, reflected beyond the grid `0:size`."""
    if is_repeated(plane):
        shape = list(plane.shape)
        shape[axis] = span.stop - span.start
        return np.broadcast_to(plane.flat[0], shape)
    index = reflect(span.start, span.stop, size) - start
    # Whole rows are copied faster than single pixels.
    first, last = max(0, -span.start), min(size, span.stop) - span.start
    inside = [slice(None)] * plane.ndim
    inside[axis] = slice(index[first], index[last - 1] + 1)
    middle = plane[tuple(inside)]
    if last - first == len(index):
        return middle
    return np.concatenate([plane.take(index[:first], axis), middle, plane.take(index[last:], axis)], axis)
