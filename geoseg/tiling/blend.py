"""Blend weighted tile scores in a rolling strip one tile row high."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from .lattice import Axis, Lattice, Roi, Tile
from .spans import clip, within
from .window import taper

Scores = NDArray[np.float32]
"""Scores, shape ``(rows, columns, classes)``."""
Planes = NDArray[np.float32]
"""The same, shape ``(classes, rows, columns)``."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Strip:
    """Blended scores of a row of tiles."""

    planes: Planes
    spans: list[slice]
    """Columns of tiles with scores; elsewhere `planes` are 0, and take no memory until they are read."""

    def weighted(self, rows: slice, weights: NDArray[np.float32]) -> "_Strip":
        """Return some rows, weighted, in a new array."""
        planes = np.zeros((len(self.planes), rows.stop - rows.start, self.planes.shape[2]), np.float32)
        for cols in self.spans:
            np.multiply(self.planes[:, rows, cols], weights, out=planes[:, :, cols])
        return _Strip(planes=planes, spans=self.spans)

    def join(self, above: "_Strip", weights: NDArray[np.float32]) -> None:
        """Weight the first rows, and add those that the strip above has in common with this one."""
        shared = self.planes[:, : len(weights)]
        for cols in self.spans:
            shared[..., cols] *= weights
        for cols in above.spans:
            shared[..., cols] += above.planes[:, : len(weights), cols]


Carried = dict[int, _Strip | None]
"""Weighted scores of rows that two tile rows share, by the lower one; None where no tile of the upper has scores."""


def tile_rows_of(lattice: Lattice, roi: Roi, carried: Carried | None = None) -> range:
    """Return the tile rows that `blend` needs for a region: not the one above it whose scores are carried over."""
    rows, _ = lattice.touching(roi)
    first = rows.start + 1
    known = carried is not None and first in carried and first in rows
    return rows[1:] if known and lattice.rows.span(first).start == roi[0].start else rows


@overload
def blend(
    scored: Iterable[tuple[Tile, Scores]],
    lattice: Lattice,
    family: str,
    roi: Roi | None = None,
    *,
    squares: bool = False,
    carried: Carried | None = None,
) -> Iterator[tuple[slice, Scores]]: ...
@overload
def blend(
    scored: Iterable[tuple[Tile, Scores | None]],
    lattice: Lattice,
    family: str,
    roi: Roi | None = None,
    *,
    squares: bool = False,
    carried: Carried | None = None,
) -> Iterator[tuple[slice, Scores | None]]: ...
def blend(
    scored: Iterable[tuple[Tile, Scores | None]],
    lattice: Lattice,
    family: str,
    roi: Roi | None = None,
    *,
    squares: bool = False,
    carried: Carried | None = None,
) -> Iterator[tuple[slice, Scores | None]]:
    """Yield rows of the grid with their blended scores as soon as no later tile covers them.

    ``scored`` holds the tiles of ``lattice.tiles(roi)`` in order, with scores ``(tile, tile, classes)``, or None for
    zeros, which cost nothing; ``family`` is one of `FAMILIES`. Each row is yielded once, in new arrays ``(rows, width
    of the region, classes)``, stored class by class, that the caller may change; or as None where no tile has scores.
    With ``squares``, the sum of squares of a tile's scores is blended as if it were one more class, the last.
    Raises ValueError if a tile is missing, surplus or out of order, or its scores have the wrong shape.

    With ``carried``, a region cut where a tile row starts leaves there what the region below it, of the same columns,
    would compute again, and takes what the one above has left: ``scored`` then holds the tiles of
    ``tile_rows_of(lattice, roi, carried)``.

    Scores are summed over columns, then over rows, so two regions agree bit for bit where they overlap. Memory is two
    strips of ``tile`` rows across the region, regardless of its height.
    """
    rows, cols = lattice.roi if roi is None else roi
    tile_rows = tile_rows_of(lattice, (rows, cols), carried)
    source = iter(scored)
    above: _Strip | None = None
    needed = rows
    if carried is not None:
        if tile_rows != lattice.touching((rows, cols))[0]:
            above = carried.pop(tile_rows.start)
        following = tile_rows.stop
        if following < lattice.rows.count and lattice.rows.span(following).start == rows.stop:
            needed = slice(rows.start, rows.stop + lattice.overlap)
    for row in tile_rows:
        span = clip(lattice.rows.span(row), needed)
        height = span.stop - span.start
        weights = _weights(lattice.rows, row, family, span)[:, None]
        strip = _blend_columns(source, lattice, family, row, (span, cols), squares=squares)
        if above is not None:
            classes, shared, width = above.planes.shape
            strip = strip or _Strip(planes=np.zeros((classes, height, width), np.float32), spans=[])
            strip.join(above, weights[:shared])
        finished = height
        if row + 1 in tile_rows or needed.stop > rows.stop:
            finished = max(lattice.rows.span(row + 1).start - span.start, 0)
            below = slice(finished, height)
            above = strip.weighted(below, weights[below]) if strip and strip.spans else None
            if carried is not None and row + 1 == tile_rows.stop:
                carried[row + 1] = above
        if finished:
            done = slice(span.start, span.start + finished)
            yield done, np.moveaxis(strip.planes[:, :finished], 0, -1) if strip else None
    surplus = next(source, None)
    if surplus is not None:
        raise ValueError(f"Expected no more tiles, found one at {_position(surplus[0])}.")


def _blend_columns(
    source: Iterator[tuple[Tile, Scores | None]], lattice: Lattice, family: str, row: int, region: Roi, *, squares: bool
) -> _Strip | None:
    """Blend one row of tiles from left to right, not yet weighted vertically; None if no tile has scores."""
    rows, cols = region
    strip: _Strip | None = None
    for col in lattice.cols.touching(cols.start, cols.stop):
        tile, scores = _next_tile(source, lattice, row, col)
        if scores is None:
            continue
        count = scores.shape[2] + squares
        if strip is None:
            shape = count, rows.stop - rows.start, cols.stop - cols.start
            strip = _Strip(planes=np.zeros(shape, np.float32), spans=[])
        elif len(strip.planes) != count:
            expected = len(strip.planes) - squares
            raise ValueError(f"Expected {expected} classes, found {count - squares} at {_position(tile)}.")
        span = clip(tile.cols, cols)
        planes = list(np.moveaxis(scores[within(rows, tile.rows), within(span, tile.cols)], -1, 0))
        if squares:
            planes.append(sum_of_squares(planes))
        weights = _weights(lattice.cols, col, family, span)
        shared = max(0, min(lattice.cols.alone(col).start, span.stop) - span.start)
        place = within(span, cols)
        # Plane by plane: NumPy's inner loop covers a row of one class, and a plane of a tile stays in the cache.
        for target, plane in zip(strip.planes[:, :, place], planes, strict=True):
            target[:, :shared] += plane[:, :shared] * weights[:shared]
            np.multiply(plane[:, shared:], weights[shared:], out=target[:, shared:])
        if strip.spans and strip.spans[-1].stop >= place.start:
            place = slice(strip.spans.pop().start, place.stop)
        strip.spans.append(place)
    return strip


def sum_of_squares(planes: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Sum the squares of planes, in their order, so that equal planes have equal sums."""
    total, *others = (plane * plane for plane in planes)
    for square in others:
        total += square
    return total


def _next_tile(
    source: Iterator[tuple[Tile, Scores | None]], lattice: Lattice, row: int, col: int
) -> tuple[Tile, Scores | None]:
    """Return the next tile and its scores, after checking its position and their shape."""
    try:
        tile, scores = next(source)
    except StopIteration:
        raise ValueError(f"Expected a tile at row {row}, column {col}, found no more.") from None
    if (tile.row, tile.col) != (row, col):
        raise ValueError(f"Expected the tile at row {row}, column {col}, found {_position(tile)}.")
    if scores is not None and (scores.ndim != 3 or scores.shape[:2] != (lattice.tile, lattice.tile)):
        expected = f"({lattice.tile}, {lattice.tile}, classes)"
        raise ValueError(f"Expected scores of shape {expected}, found {scores.shape} at {_position(tile)}.")
    return tile, scores


def _weights(axis: Axis, index: int, family: str, span: slice) -> NDArray[np.float32]:
    return taper(axis, index, family)[within(span, axis.span(index))]


def _position(tile: Tile) -> str:
    return f"row {tile.row}, column {tile.col}"
