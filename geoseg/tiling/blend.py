"""Blend weighted tile scores in a rolling strip one tile row high."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from .lattice import Axis, Lattice, Roi, Tile
from .spans import clip, within
from .window import taper

Scores = NDArray[np.float32]
"""Scores, shape ``(rows, columns, classes)``."""
Planes = NDArray[np.float32]
"""The same, shape ``(classes, rows, columns)``."""


def blend(
    scored: Iterable[tuple[Tile, Scores]], lattice: Lattice, family: str, roi: Roi | None = None
) -> Iterator[tuple[slice, Scores]]:
    """Yield rows of the grid with their blended scores as soon as no later tile covers them.

    ``scored`` holds the tiles of ``lattice.tiles(roi)`` in order, with scores ``(tile, tile, classes)``; ``family`` is
    one of `FAMILIES`. Each row is yielded once, in new arrays ``(rows, width of the region, classes)``, stored class by
    class, that the caller may change. Raises ValueError if a tile is missing, surplus or out of order, or its scores
    have the wrong shape.

    Scores are summed over columns, then over rows, so two regions agree bit for bit where they overlap. Memory is two
    strips of ``tile`` rows across the region, regardless of its height.
    """
    rows, cols = lattice.roi if roi is None else roi
    tile_rows, _ = lattice.touching(roi)
    source = iter(scored)
    carried: Planes | None = None
    for row in tile_rows:
        span = clip(lattice.rows.span(row), rows)
        weights = _weights(lattice.rows, row, family, span)[:, None]
        strip = _blend_columns(source, lattice, family, row, (span, cols))
        if carried is not None:
            height = carried.shape[1]
            shared = strip[:, :height]
            shared *= weights[:height]
            shared += carried
        finished = strip.shape[1]
        if row + 1 in tile_rows:
            finished = clip(lattice.rows.span(row + 1), rows).start - span.start
            carried = strip[:, finished:] * weights[finished:]
        if finished:
            yield slice(span.start, span.start + finished), np.moveaxis(strip[:, :finished], 0, -1)
    surplus = next(source, None)
    if surplus is not None:
        raise ValueError(f"Expected no more tiles, found one at {_position(surplus[0])}.")


def _blend_columns(
    source: Iterator[tuple[Tile, Scores]], lattice: Lattice, family: str, row: int, region: Roi
) -> Planes:
    """Blend one row of tiles from left to right, not yet weighted vertically."""
    rows, cols = region
    strip: Planes | None = None
    for col in lattice.cols.touching(cols.start, cols.stop):
        tile, scores = _next_tile(source, lattice, row, col)
        classes = scores.shape[2]
        if strip is None:
            strip = np.empty((classes, rows.stop - rows.start, cols.stop - cols.start), np.float32)
        elif len(strip) != classes:
            raise ValueError(f"Expected {len(strip)} classes, found {classes} at {_position(tile)}.")
        span = clip(tile.cols, cols)
        cropped = scores[within(rows, tile.rows), within(span, tile.cols)]
        weights = _weights(lattice.cols, col, family, span)
        shared = max(0, min(lattice.cols.alone(col).start, span.stop) - span.start)
        # Plane by plane: NumPy's inner loop covers a row of one class, and a plane of a tile stays in the cache.
        for target, plane in zip(strip[:, :, within(span, cols)], np.moveaxis(cropped, -1, 0), strict=True):
            target[:, :shared] += plane[:, :shared] * weights[:shared]
            np.multiply(plane[:, shared:], weights[shared:], out=target[:, shared:])
    assert strip is not None  # a region has at least one pixel, and a tile covers it
    return strip


def _next_tile(source: Iterator[tuple[Tile, Scores]], lattice: Lattice, row: int, col: int) -> tuple[Tile, Scores]:
    """Return the next tile and its scores, after checking its position and their shape."""
    try:
        tile, scores = next(source)
    except StopIteration:
        raise ValueError(f"Expected a tile at row {row}, column {col}, found no more.") from None
    if (tile.row, tile.col) != (row, col):
        raise ValueError(f"Expected the tile at row {row}, column {col}, found {_position(tile)}.")
    if scores.ndim != 3 or scores.shape[:2] != (lattice.tile, lattice.tile):
        expected = f"({lattice.tile}, {lattice.tile}, classes)"
        raise ValueError(f"Expected scores of shape {expected}, found {scores.shape} at {_position(tile)}.")
    return tile, scores


def _weights(axis: Axis, index: int, family: str, span: slice) -> NDArray[np.float32]:
    return taper(axis, index, family)[within(span, axis.span(index))]


def _position(tile: Tile) -> str:
    return f"row {tile.row}, column {tile.col}"
