"""List the sides of faces: borders with the face on their left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from geoseg.compiled import compiled

from .arcs import SOFT_END, SOFT_START, Arcs, Bytes, Points, Starts
from .components import Flags, Ids, Labels


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
        start = offsets(self.start[chosen + 1] - self.start[chosen])
        return Sides(
            face=self.face[chosen],
            start=start,
            points=gather(self.points, self.start[chosen], start),
            leaving=self.leaving[chosen],
            arriving=self.arriving[chosen],
            soft=self.soft[chosen],
        )

    def renumbered(self, numbers: Labels) -> "Sides":
        """Copy the sides, ordered by the new numbers of their faces."""
        face = numbers[self.face]
        if (np.diff(face) >= 0).all():
            return replace(self, face=face)
        order = np.argsort(face, kind="stable")
        return replace(self.take(order), face=face[order])


def offsets(sizes: Ids | Flags) -> Starts:
    """Return where runs of these sizes begin, and the end of the last."""
    starts: Starts = np.concatenate([[0], np.cumsum(sizes)])
    return starts


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
    kept_before = offsets(keep)
    sizes = kept_before[arcs.start[1:]] - kept_before[arcs.start[:-1]]
    start = offsets(sizes[arc])
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
        start=offsets(np.concatenate([np.diff(part.start) for part in parts])),
        points=np.concatenate([part.points for part in parts]),
        leaving=np.concatenate([part.leaving for part in parts]),
        arriving=np.concatenate([part.arriving for part in parts]),
        soft=np.concatenate([part.soft for part in parts]),
    )
    return joined.take(np.argsort(face, kind="stable"))


@compiled
def gather(points: Points, start: Starts, new_start: Starts) -> Points:
    """Copy runs of points from offsets `start` to offsets `new_start`."""
    gathered = np.empty((new_start[-1], 2), np.int32)
    for side in range(start.size):
        for k in range(new_start[side + 1] - new_start[side]):
            gathered[new_start[side] + k] = points[start[side] + k]
    return gathered
