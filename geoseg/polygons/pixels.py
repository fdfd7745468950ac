"""Count the pixels in which two areas agree."""

import math

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

from .arcs import Starts

LatticePoints = npt.NDArray[np.float64]


def pixel_iou(points: LatticePoints, start: Starts, others: LatticePoints, other_start: Starts) -> float:
    """Return the intersection over union of two areas in pixels whose centres they contain.

    Areas are rings of lattice points `(points, 2)`, with the offsets of the rings. Counting pixels
    ignores the stair steps of a traced outline: by area, a slanted rectangle 12 pixels wide agrees with its own traced
    outline by only 92 %.
    """
    lines = np.concatenate([_lines(points, start, 0), _lines(others, other_start, 1)])
    lines = lines[np.argsort(lines[:, 0], kind="stable")]
    both, either = _count(lines)
    return both / either if either else 0.0


def _lines(points: LatticePoints, start: Starts, area: int) -> npt.NDArray[np.float64]:
    """Return the segments `(segments, 5)` that pass between centres of rows.

    Each has its first row, the row after its last, the x at the first row's centre, the change of x by row, and the
    area to which it belongs.
    """
    inside = np.ones(len(points) - 1, np.bool_)
    inside[start[1:-1] - 1] = False
    a, b = points[:-1][inside], points[1:][inside]
    upper, lower = np.where((a[:, 1] <= b[:, 1])[:, None], a, b), np.where((a[:, 1] <= b[:, 1])[:, None], b, a)
    first, stop = np.ceil(upper[:, 1] - 0.5), np.ceil(lower[:, 1] - 0.5)
    crossing = stop > first
    upper, lower, first, stop = upper[crossing], lower[crossing], first[crossing], stop[crossing]
    slope = (lower[:, 0] - upper[:, 0]) / (lower[:, 1] - upper[:, 1])
    x = upper[:, 0] + slope * (first + 0.5 - upper[:, 1])
    return np.column_stack([first, stop, x, slope, np.full(len(x), float(area))])


@compiled
def _count(lines: npt.NDArray[np.float64]) -> tuple[int, int]:
    """Count the pixels in both areas and those in either, row by row; `lines` are ordered by their first rows."""
    both, either, waiting = 0, 0, 0
    live = np.empty(len(lines), np.int64)
    lives = 0
    columns, area = np.empty(len(lines), np.int64), np.empty(len(lines), np.int64)
    row = 0.0
    while waiting < len(lines) or lives > 0:
        if lives == 0:
            row = lines[waiting, 0]
        while waiting < len(lines) and lines[waiting, 0] <= row:
            live[lives] = waiting
            lives += 1
            waiting += 1
        left = 0
        for k in range(lives):
            line = lines[live[k]]
            if line[1] <= row:
                continue
            live[left] = live[k]
            columns[left] = math.ceil(line[2] + line[3] * (row - line[0]) - 0.5)
            area[left] = int(line[4])
            left += 1
        lives = left
        order = np.argsort(columns[:lives], kind="mergesort")
        within = np.zeros(2, np.bool_)
        for k in range(lives):
            if k:
                width = columns[order[k]] - columns[order[k - 1]]
                both += width if within[0] and within[1] else 0
                either += width if within[0] or within[1] else 0
            within[area[order[k]]] = not within[area[order[k]]]
        row += 1.0
    return both, either
