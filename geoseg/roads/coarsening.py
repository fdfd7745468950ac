"""Average pixels that are finer than the tracer needs."""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from geoseg.models.legend import LEVELS, NODATA
from geoseg.tiling import concatenate, is_repeated

from .arrays import Bytes, Read
from .settings import FINEST_M

_MOST_PIXELS = 2**25
"""Fine pixels to average at a time, which takes four bytes each."""


def coarsening_factor(pixel_m: float) -> int:
    """Return the side of the square of pixels to average into one."""
    return max(math.ceil(FINEST_M / pixel_m - 0.01), 1)


def coarsen(read: Read, shape: tuple[int, int], factor: int) -> Read:
    """Return a reader of means of `factor` × `factor` valid pixels of a grid of some shape.

    It reads `_MOST_PIXELS` at a time, or one row of squares if that has more.
    """
    if factor == 1:
        return read
    height, width = shape

    def fine(part: slice, size: int) -> slice:
        return slice(part.start * factor, min(part.stop * factor, size))

    def averaged(rows: slice, cols: slice) -> Bytes:
        step = max(1, _MOST_PIXELS // (factor**2 * (cols.stop - cols.start)))
        strips = (slice(top, min(top + step, rows.stop)) for top in range(rows.start, rows.stop, step))
        means = [_average(read(fine(strip, height), fine(cols, width)), factor) for strip in strips]
        return means[0] if len(means) == 1 else concatenate(means, axis=0)

    return averaged


def coarsen_rows(parts: Iterable[Bytes], factor: int) -> Iterator[Bytes]:
    """Average rows `(rows, columns)` that arrive in parts from top to bottom, as `coarsen` does windows."""
    if factor == 1:
        yield from parts
        return
    rest: Bytes | None = None
    for part in parts:
        rows = part if rest is None else concatenate([rest, part], axis=0)
        whole = len(rows) - len(rows) % factor
        rest = None
        if whole < len(rows):
            rest = rows[whole:] if is_repeated(rows) else rows[whole:].copy()
        if whole:
            yield _average(rows[:whole], factor)
    if rest is not None:
        yield _average(rest, factor)


def _average(levels: Bytes, factor: int) -> Bytes:
    """Average squares of valid pixels; those cut off at the right and bottom hold fewer."""
    if is_repeated(levels):
        return np.broadcast_to(levels[0, 0], [math.ceil(size / factor) for size in levels.shape])
    short = [-size % factor for size in levels.shape]
    levels = np.pad(levels, [(0, short[0]), (0, short[1])], constant_values=NODATA)
    squares = levels.reshape(levels.shape[0] // factor, factor, levels.shape[1] // factor, factor)
    valid = squares <= LEVELS
    count = valid.sum(axis=(1, 3), dtype=np.uint32)
    total = np.where(valid, squares, 0).sum(axis=(1, 3), dtype=np.uint32)
    mean = (2 * total + count) // np.maximum(2 * count, 1)
    return np.where(count > 0, mean, NODATA).astype(np.uint8)
