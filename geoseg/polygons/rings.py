"""Join the sides of finished faces to rings."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

from .arcs import SOFT_END, SOFT_START, Bytes, Points, Starts
from .labels import Ids, Labels
from .sides import Sides, gather


@dataclass(frozen=True, kw_only=True, eq=False)
class Rings:
    """Borders of faces as closed rings; the outer ring of a face comes before those of its holes.

    On a map whose rows run downward outer rings run counter-clockwise, those of holes clockwise. Each starts at its
    topmost point, the leftmost of several.
    """

    face: Labels
    """Face of each ring `(rings,)`, ascending."""
    start: Starts
    """Index of each ring's first point, `(rings + 1,)`; the last is their number."""
    points: Points
    """Lattice points of the raster `(points, 2)`; a ring's last repeats its first."""


def rings(sides: Sides) -> Rings:
    """Join all sides of some faces to rings.

    Where a face meets itself at a corner, a ring goes on along the other face that it came along: rings touch there,
    and none touches itself.

    Parameters
    ----------
    sides
        All sides of the faces.
    """
    bounds = np.flatnonzero(np.diff(sides.face, prepend=-1, append=-1))
    ids = sides.points[:, 1].astype(np.int64) << 32 | sides.points[:, 0]
    from_id, to_id = ids[sides.start[:-1]], ids[sides.start[1:] - 1]
    order = np.lexsort((from_id, sides.face))
    points, start, part, first, outer = _rings(
        sides.points, sides.start, sides.leaving, sides.arriving, sides.soft, from_id, to_id, order, bounds
    )
    rank = np.lexsort((first, ~outer, part))
    new_start = np.concatenate([[0], np.cumsum(np.diff(start)[rank])])
    return Rings(
        face=sides.face[bounds[:-1]][part[rank]], start=new_start, points=gather(points, start[rank], new_start)
    )


@compiled
def _rings(  # noqa: PLR0917 - compiled
    points: Points,
    start: Starts,
    leaving: Bytes,
    arriving: Bytes,
    soft: Bytes,
    from_id: Ids,
    to_id: Ids,
    order: Ids,
    bounds: Ids,
) -> tuple[Points, Starts, Ids, Ids, npt.NDArray[np.bool_]]:
    sides = order.size
    used = np.zeros(sides, np.bool_)
    line = np.empty((len(points), 2), np.int32)
    begin = np.zeros(sides + 1, np.int64)
    part_of, first, outer = np.empty(sides, np.int64), np.empty(sides, np.int64), np.empty(sides, np.bool_)
    raw = np.empty((len(points), 2), np.int32)
    is_soft = np.empty(len(points), np.bool_)
    count, filled = 0, 0
    for part in range(bounds.size - 1):
        for k in range(bounds[part], bounds[part + 1]):
            head = order[k]
            if used[head]:
                continue
            side, size = head, 0
            while not used[side]:
                used[side] = True
                is_soft[size] = soft[side] & SOFT_START != 0 or (size > 0 and is_soft[size])
                for at in range(start[side], start[side + 1] - 1):
                    raw[size] = points[at]
                    size += 1
                    is_soft[size] = False
                is_soft[size] = soft[side] & SOFT_END != 0
                side = _next(side, from_id, to_id, leaving, arriving, order, bounds[part], bounds[part + 1])
            is_soft[0] = is_soft[0] or is_soft[size]
            size = _without_straight(raw, is_soft, size)
            begin[count + 1], first[count], area = _write(raw, size, line, filled)
            filled = begin[count + 1]
            part_of[count], outer[count] = part, area > 0
            count += 1
    return line[:filled], begin[: count + 1], part_of[:count], first[:count], outer[:count]


@compiled
def _next(  # noqa: PLR0917 - compiled
    side: int, from_id: Ids, to_id: Ids, leaving: Bytes, arriving: Bytes, order: Ids, low: int, high: int
) -> int:
    """Side of the same face that goes on where this one ends; to the right where there are two."""
    stop = high
    while low < high:
        middle = (low + high) // 2
        if from_id[order[middle]] < to_id[side]:
            low = middle + 1
        else:
            high = middle
    following = int(order[low])
    if low + 1 < stop:
        other = int(order[low + 1])
        if from_id[other] == to_id[side] and leaving[following] != (arriving[side] + 1) % 4:
            return other
    return following


@compiled
def _without_straight(raw: Points, soft: npt.NDArray[np.bool_], size: int) -> int:
    """Drop soft points that lie straight between their neighbours; returns how many points are left."""
    drop = np.zeros(size, np.bool_)
    for k in range(size):
        if soft[k]:
            a, b, c = raw[k - 1 if k else size - 1], raw[k], raw[k + 1 if k + 1 < size else 0]
            ux, uy = np.int64(b[0]) - a[0], np.int64(b[1]) - a[1]
            vx, vy = np.int64(c[0]) - b[0], np.int64(c[1]) - b[1]
            drop[k] = ux * vy == uy * vx
    left = 0
    for k in range(size):
        if not drop[k]:
            raw[left] = raw[k]
            left += 1
    return left


@compiled
def _write(raw: Points, size: int, line: Points, filled: int) -> tuple[int, int, int]:
    """Write a ring from its first point in reading order; returns where it ends, that point's id, and twice its area.

    The area is positive for a ring that runs counter-clockwise where rows run downward.
    """
    head = 0
    for k in range(1, size):
        if raw[k, 1] < raw[head, 1] or (raw[k, 1] == raw[head, 1] and raw[k, 0] < raw[head, 0]):
            head = k
    area = 0
    for k in range(size):
        a, b = raw[(head + k) % size], raw[(head + k + 1) % size]
        line[filled + k] = a
        area += np.int64(b[0]) * a[1] - np.int64(a[0]) * b[1]
    line[filled + size] = raw[head]
    return filled + size + 1, np.int64(raw[head, 1]) << 32 | raw[head, 0], area
