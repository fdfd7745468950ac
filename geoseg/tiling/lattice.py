"""The tile lattice of a scene."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Roi = tuple[slice, slice]
"""Rows and columns of a region: slices inside the scene, without a step."""


def roi_shape(roi: Roi) -> tuple[int, int]:
    """Rows and columns of a region; that of odc-geo imports Dask."""
    rows, cols = roi
    return rows.stop - rows.start, cols.stop - cols.start


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The tiles along one axis of a scene.

    The stride is constant and the overlap at most half a tile, so at most two tiles cover a pixel. Where the tiles
    exceed the scene, the excess is split evenly between both ends. All lengths are in pixels of the grid.
    """

    size: int
    """Length of the scene."""
    tile: int
    """Length of a tile."""
    overlap: int
    """Length shared by neighbouring tiles."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"A scene needs at least one pixel along each axis, found {self.size}.")
        if self.tile < 1:
            raise ValueError(f"A tile needs at least one pixel, found {self.tile}.")
        if not 0 <= self.overlap <= self.tile // 2:
            raise ValueError(
                f"The overlap of {self.tile} px tiles must be between 0 and {self.tile // 2} px, found {self.overlap}."
            )

    @property
    def stride(self) -> int:
        """Distance between the starts of neighbouring tiles."""
        return self.tile - self.overlap

    @property
    def count(self) -> int:
        """Number of tiles: the fewest that cover the scene, ``count * stride + overlap >= size``."""
        return max(1, -(-(self.size - self.overlap) // self.stride))

    @property
    def start(self) -> int:
        """Start of the first tile: zero, or minus half of the excess."""
        return -((self.count * self.stride + self.overlap - self.size) // 2)

    def span(self, index: int) -> slice:
        """Pixels of tile ``index``; border tiles may exceed the scene."""
        if not 0 <= index < self.count:
            raise ValueError(f"There is no tile {index} among {self.count}.")
        start = self.start + index * self.stride
        return slice(start, start + self.tile)

    def touching(self, start: int, stop: int) -> range:
        """Indices of the tiles that cover any pixel of ``start:stop``."""
        if start >= stop:
            return range(0)
        first = (start - self.start - self.tile) // self.stride + 1
        last = (stop - 1 - self.start) // self.stride
        return range(max(0, first), min(self.count, last + 1))

    def alone(self, index: int) -> slice:
        """Pixels of tile ``index`` that no other tile covers; an empty slice if the overlaps meet."""
        span = self.span(index)
        start = span.start + (self.overlap if index > 0 else 0)
        stop = span.stop - (self.overlap if index < self.count - 1 else 0)
        return slice(start, stop)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One square network input; beyond the scene the image is reflected."""

    row: int
    """Index of the tile row."""
    col: int
    """Index of the tile column."""
    rows: slice
    """Rows of the grid."""
    cols: slice
    """Columns of the grid."""


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """All tiles of a scene, in row-major order; lengths are in pixels of the grid."""

    shape: tuple[int, int]
    """Height and width of the scene."""
    tile: int
    """Side of a tile."""
    overlap: int
    """Length shared by neighbouring tiles along each axis."""

    def __post_init__(self) -> None:
        # Build both axes, which raise ValueError if invalid.
        _ = self.rows, self.cols

    @cached_property
    def rows(self) -> Axis:
        """The tiles from top to bottom."""
        return Axis(size=self.shape[0], tile=self.tile, overlap=self.overlap)

    @cached_property
    def cols(self) -> Axis:
        """The tiles from left to right."""
        return Axis(size=self.shape[1], tile=self.tile, overlap=self.overlap)

    @property
    def roi(self) -> Roi:
        """The whole scene as a region."""
        return slice(0, self.shape[0]), slice(0, self.shape[1])

    def __len__(self) -> int:
        return self.rows.count * self.cols.count

    def touching(self, roi: Roi | None = None) -> tuple[range, range]:
        """Tile rows and tile columns that touch a region, by default the whole scene."""
        rows, cols = self.roi if roi is None else roi
        for part, size, name in ((rows, self.shape[0], "rows"), (cols, self.shape[1], "columns")):
            if part.step not in (None, 1) or not 0 <= part.start < part.stop <= size:
                raise ValueError(f"A region's {name} must be within 0:{size} and not empty, found {part}.")
        return self.rows.touching(rows.start, rows.stop), self.cols.touching(cols.start, cols.stop)

    def count_tiles(self, roi: Roi | None = None) -> int:
        """Return the number of tiles that `tiles` yields for a region."""
        rows, cols = self.touching(roi)
        return len(rows) * len(cols)

    def tiles(self, roi: Roi | None = None, rows: range | None = None) -> Iterator[Tile]:
        """Yield the tiles that touch a region, by default all, in row-major order; or those of some tile rows."""
        touching, cols = self.touching(roi)
        for row in touching if rows is None else rows:
            for col in cols:
                yield Tile(row=row, col=col, rows=self.rows.span(row), cols=self.cols.span(col))


def reflect(start: int, stop: int, size: int) -> NDArray[np.intp]:
    """Return source indices ``(stop - start,)`` for positions ``start:stop``, mirrored at the borders of ``0:size``.

    The border pixel is not repeated (NumPy's pad mode ``reflect``). Reflection is periodic, so any distance works. A
    source of one pixel is repeated.
    """
    if size < 1:
        raise ValueError(f"Reflection needs at least one pixel, found {size}.")
    period = max(1, 2 * (size - 1))
    folded = np.arange(start, stop, dtype=np.intp) % period
    return np.minimum(folded, period - folded) if size > 1 else np.zeros_like(folded)
