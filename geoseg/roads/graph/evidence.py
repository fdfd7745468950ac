"""Re-read probability along gap candidates, one part of the grid at a time."""

from collections.abc import Iterator

import numpy as np

from geoseg.models.legend import LEVELS
from geoseg.roads.arrays import Bytes, Floats, Ids, Points, Read
from geoseg.roads.settings import GAP_BESIDE_M
from geoseg.roads.skeleton.grid_settings import GridSettings
from geoseg.roads.skeleton.smoothing import blur

_SIDE = 1024  # pixels of a cell


def probe_lines(read: Read, tails: Points, heads: Points, grid: GridSettings) -> tuple[Floats, Floats, Floats]:
    """Measure the share of each line `(lines,)` off the road, and the mean probability along that share and beside it.

    Probabilities are smoothed. Without a share off the road, the mean is 1. Beside is the mean of two lines,
    `GAP_BESIDE_M` to the left and right.
    """
    share, mean, beside = np.zeros(len(tails)), np.ones(len(tails)), np.zeros(len(tails))
    step_m = grid.to_metres(heads - tails)
    across_m = np.column_stack([-step_m[:, 1], step_m[:, 0]]) / np.maximum(np.hypot(*step_m.T), 1e-9)[:, None]
    across = GAP_BESIDE_M * across_m @ np.linalg.inv(grid.metric).T
    furthest = int(np.abs(across).max(initial=0)) + 1
    for lines in _by_cell(tails):
        corners = np.concatenate([tails[lines], heads[lines]])
        margin = max(grid.down.size, grid.along.size) + furthest
        low = np.maximum(corners.min(axis=0).astype(int) - margin, 0)
        high = np.minimum(corners.max(axis=0).astype(int) + margin + 1, grid.shape[::-1])
        smooth = blur(read(slice(low[1], high[1]), slice(low[0], high[0])), grid.down, grid.along)
        origin = low.astype(np.int64)
        share[lines], mean[lines] = _probe(smooth, tails[lines], heads[lines], origin, grid.level)
        for side in (-1, 1):
            shifted = side * across[lines]
            off, level = _probe(smooth, tails[lines] + shifted, heads[lines] + shifted, origin, grid.level)
            beside[lines] += np.where(off > 0, level, 0) / 2
    return share, mean, beside


def _by_cell(tails: Points) -> Iterator[Ids]:
    """Group lines by the cell of the grid where they start."""
    cell = tails.astype(np.int64) // _SIDE
    order = np.lexsort((cell[:, 0], cell[:, 1]))
    cuts = np.flatnonzero((np.diff(cell[order], axis=0) != 0).any(axis=1)) + 1
    yield from (group for group in np.split(order, cuts) if group.size)


def _probe(smooth: Bytes, tails: Points, heads: Points, origin: Ids, level: int) -> tuple[Floats, Floats]:
    """Return the share of each line below a level, and the mean probability along that share, or 1."""
    span = heads - tails
    steps = np.ceil(2 * np.hypot(*span.T)).astype(np.int64)
    line = np.repeat(np.arange(len(tails)), steps + 1)
    k = np.arange(line.size) - np.repeat(np.cumsum(steps + 1) - steps - 1, steps + 1)
    along = k / np.maximum(steps, 1)[line]
    # Rounded in the grid, so that the result does not depend on the window.
    pixel = np.floor(tails[line] + along[:, None] * span[line]).astype(np.int64) - origin
    col, row = np.clip(pixel, 0, np.array(smooth.shape[::-1]) - 1).T
    value = smooth[row, col]
    below = value < level
    off = np.bincount(line[below], minlength=len(tails))
    total = np.bincount(line[below], value[below], len(tails))
    return off / (steps + 1), np.where(off > 0, total / np.maximum(off, 1) / LEVELS, 1)
