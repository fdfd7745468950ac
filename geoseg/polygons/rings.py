"""Join the sides of faces into rings."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

from .arcs import SOFT_END, SOFT_START, Arcs, Bytes, Points, Starts
from .components import Flags, Ids, Labels, Values


@dataclass(frozen=True, kw_only=True, eq=False)
class Sides:
    """Arcs directed so that their face is on the left, ordered by face."""

    face: Labels
    """Face of each `(sides,)`, ascending."""
    start: Starts
    """Offsets of the sides in `points`, `(sides + 1,)`."""
    points: Points
    """Lattice points of the raster `(points, 2)` as x and y."""
    leaving: Bytes
    arriving: Bytes
    soft: Bytes
    """As in `Arcs`, in the direction of the side."""

    def take(self, chosen: Starts) -> "Sides":
        """Copy the sides at the given indices, in their order."""
        start = _offsets(self.start[chosen + 1] - self.start[chosen])
        return Sides(
            face=self.face[chosen],
            start=start,
            points=_gather(self.points, self.start[chosen], start),
            leaving=self.leaving[chosen],
            arriving=self.arriving[chosen],
            soft=self.soft[chosen],
        )


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


def _offsets(sizes: Ids | Flags) -> Starts:
    offsets: Starts = np.concatenate([[0], np.cumsum(sizes)])
    return offsets


def list_sides(arcs: Arcs, keep: Flags | None, wanted: Flags, top: int) -> Sides:
    """List both sides of the arcs of a band that starts at row `top`.

    `keep` flags the points to keep `(points,)`, `None` for all; `wanted` the faces to keep `(faces,)`.
    """
    face = np.concatenate([arcs.left, arcs.right])
    chosen = np.flatnonzero((face >= 0) & wanted[face])
    chosen = chosen[np.argsort(face[chosen], kind="stable")]
    count = len(arcs.left)
    arc, turned = chosen % count if count else chosen, chosen >= count
    if keep is None:
        keep = np.ones(len(arcs.points), np.bool_)
    kept_before = _offsets(keep)
    sizes = kept_before[arcs.start[1:]] - kept_before[arcs.start[:-1]]
    start = _offsets(sizes[arc])
    leaving, arriving, soft = arcs.leaving[arc], arcs.arriving[arc], arcs.soft[arc]
    swapped = (soft & SOFT_START) // SOFT_START * SOFT_END + (soft & SOFT_END) // SOFT_END * SOFT_START
    return Sides(
        face=face[chosen],
        start=start,
        points=_walk(arcs.points, arcs.start, keep, arc, turned, start, top),
        leaving=np.where(turned, (arriving + 2) % 4, leaving).astype(np.uint8),
        arriving=np.where(turned, (leaving + 2) % 4, arriving).astype(np.uint8),
        soft=np.where(turned, swapped, soft).astype(np.uint8),
    )


@compiled
def _walk(  # noqa: PLR0917 - compiled
    points: Points,
    start: Starts,
    keep: Flags,
    arcs: Starts,
    turned: Flags,
    begin: Starts,
    top: int,
) -> Points:
    walked = np.empty((begin[-1], 2), np.int32)
    for side in range(arcs.size):
        arc = arcs[side]
        filled = begin[side]
        size = start[arc + 1] - start[arc]
        for k in range(size):
            at = start[arc + 1] - 1 - k if turned[side] else start[arc] + k
            if keep[at]:
                walked[filled, 0], walked[filled, 1] = points[at, 0], points[at, 1] + top
                filled += 1
    return walked


def concatenate(parts: Sequence[Sides]) -> Sides:
    """Concatenate lists of sides, ordered by face."""
    face = np.concatenate([part.face for part in parts])
    joined = Sides(
        face=face,
        start=_offsets(np.concatenate([np.diff(part.start) for part in parts])),
        points=np.concatenate([part.points for part in parts]),
        leaving=np.concatenate([part.leaving for part in parts]),
        arriving=np.concatenate([part.arriving for part in parts]),
        soft=np.concatenate([part.soft for part in parts]),
    )
    return joined.take(np.argsort(face, kind="stable"))


@compiled
def _gather(points: Points, start: Starts, new_start: Starts) -> Points:
    """Copy runs of points from offsets `start` to offsets `new_start`."""
    gathered = np.empty((new_start[-1], 2), np.int32)
    for side in range(start.size):
        for k in range(new_start[side + 1] - new_start[side]):
            gathered[new_start[side] + k] = points[start[side] + k]
    return gathered


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
    ring_start = _offsets(np.diff(start)[rank])
    faces = sides.face[bounds[:-1]]
    return Faces(
        value=value[faces],
        points=_gather(points, start[rank], ring_start),
        ring_start=ring_start,
        face_start=_offsets(np.bincount(part, minlength=len(faces))),
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
