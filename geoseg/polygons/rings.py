"""Join the sides of faces into rings."""

from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

from .arcs import SOFT_END, SOFT_START, Bytes, Points, Starts
from .components import Flags, Ids, Values
from .sides import Sides, gather, offsets


@dataclass(frozen=True, kw_only=True, eq=False)
class Faces:
    """Connected components with their borders.

    With rows running down, outer rings are counter-clockwise, holes clockwise. A ring starts at its topmost, then
    leftmost, point.
    """

    value: Values
    """Class ids `(faces,)`."""
    points: Points | npt.NDArray[np.float64]
    """Lattice points of the raster `(points, 2)` as x and y: integers at pixel corners; rings repeat their first."""
    ring_start: Starts
    """Offsets of the rings in `points`, `(rings + 1,)`."""
    face_start: Starts
    """Offsets of the faces in the rings, `(faces + 1,)`; the outer ring is first."""
    confidence: npt.NDArray[np.float64] | None = None
    """Mean probability of the pixels of each face `(faces,)`, NaN where none has one; None if they were not given."""
    below: float = inf
    """Row at which the next band begins."""
    unfinished: Ids | None = None
    """Bounds so far of the faces that continue there `(unfinished, 4)`: left, top, right, bottom."""
    regularised: Flags | None = None
    """Whether a face was given right angles `(faces,)`; None if none was to be. Its rings may start anywhere."""

    def take(self, chosen: slice) -> "Faces":
        """Return consecutive faces, without the data on unfinished ones."""
        begin, end, _ = chosen.indices(len(self.value))
        face_start = self.face_start[begin : end + 1]
        ring_start = self.ring_start[face_start[0] : face_start[-1] + 1]
        return Faces(
            value=self.value[chosen],
            points=self.points[ring_start[0] : ring_start[-1]],
            ring_start=ring_start - ring_start[0],
            face_start=face_start - face_start[0],
            confidence=None if self.confidence is None else self.confidence[chosen],
            regularised=None if self.regularised is None else self.regularised[chosen],
        )


def close_rings(sides: Sides, value: Values) -> Faces:
    """Join all sides of faces into rings; `value` holds class ids by face.

    Where a face meets itself at a corner, the ring turns to follow the same neighbour: rings may touch each other, but
    never themselves.
    """
    bounds = np.flatnonzero(np.diff(sides.face, prepend=-1, append=-1))
    ids = sides.points[:, 1].astype(np.int64) << 32 | sides.points[:, 0]
    from_id, to_id = ids[sides.start[:-1]], ids[sides.start[1:] - 1]
    order = np.lexsort((from_id, sides.face))
    points, start, part, first, outer = _rings(
        sides.points, sides.start, sides.leaving, sides.arriving, sides.soft, from_id, to_id, order, bounds
    )
    rank = np.lexsort((first, ~outer, part))
    ring_start = offsets(np.diff(start)[rank])
    faces = sides.face[bounds[:-1]]
    return Faces(
        value=value[faces],
        points=gather(points, start[rank], ring_start),
        ring_start=ring_start,
        face_start=offsets(np.bincount(part, minlength=len(faces))),
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
) -> tuple[Points, Starts, Ids, Ids, Flags]:
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
    """Return the side of the same face that starts where this one ends; of two, the one to the right."""
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
def _without_straight(raw: Points, soft: Flags, size: int) -> int:
    """Drop soft points in line with their neighbours; return the number of points left."""
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
    """Write a ring from its topmost, leftmost point; return its end, that point's id, and twice the area.

    With rows running down, the area of counter-clockwise rings is positive.
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
