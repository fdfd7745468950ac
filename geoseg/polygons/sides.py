"""Arcs as the faces beside them see them: each on its left-hand side, ready to be joined to rings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

from .arcs import SOFT_END, SOFT_START, Arcs, Bytes, Points, Starts
from .labels import Labels


@dataclass(frozen=True, kw_only=True, eq=False)
class Sides:
    """Directed arcs that have their face on the left, in the order of their faces."""

    face: Labels
    """Face of each `(sides,)`, ascending."""
    start: Starts
    """Index of each side's first point, `(sides + 1,)`; the last is their number."""
    points: Points
    """Lattice points of the raster `(points, 2)`: x and y."""
    leaving: Bytes
    arriving: Bytes
    soft: Bytes
    """As those of `Arcs`, in the direction of the side."""

    def at(self, chosen: Starts) -> "Sides":
        """Copy the sides at some indices."""
        start = np.concatenate([[0], np.cumsum(np.diff(self.start)[chosen])])
        return Sides(
            face=self.face[chosen],
            start=start,
            points=gather(self.points, self.start[chosen], start),
            leaving=self.leaving[chosen],
            arriving=self.arriving[chosen],
            soft=self.soft[chosen],
        )

    def of(self, first: int, last: int, face: int) -> "Sides":
        """Copy the sides from `first` to before `last`, as those of one face."""
        begin, end = self.start[first], self.start[last]
        return Sides(
            face=np.full(last - first, face, np.int32),
            start=self.start[first : last + 1] - begin,
            points=self.points[begin:end].copy(),
            leaving=self.leaving[first:last].copy(),
            arriving=self.arriving[first:last].copy(),
            soft=self.soft[first:last].copy(),
        )


def sides(arcs: Arcs, keep: npt.NDArray[np.bool_] | None, wanted: npt.NDArray[np.bool_], top: int) -> Sides:
    """List both sides of arcs.

    Parameters
    ----------
    arcs
        Borders of a band.
    keep
        Points to take `(points,)`; None takes all.
    wanted
        Faces to list sides of `(faces,)`.
    top
        Row of the raster that the band starts at.
    """
    face = np.concatenate([arcs.left, arcs.right])
    chosen = np.flatnonzero((face >= 0) & wanted[face])
    chosen = chosen[np.argsort(face[chosen], kind="stable")]
    count = len(arcs.left)
    arc, turned = chosen % count if count else chosen, chosen >= count
    if keep is None:
        keep = np.ones(len(arcs.points), np.bool_)
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    sizes = kept_before[arcs.start[1:]] - kept_before[arcs.start[:-1]]
    start = np.concatenate([[0], np.cumsum(sizes[arc])])
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
    keep: npt.NDArray[np.bool_],
    arcs: Starts,
    turned: npt.NDArray[np.bool_],
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


def together(parts: Sequence[Sides]) -> Sides:
    """Put lists of sides into one, in the order of their faces."""
    face = np.concatenate([part.face for part in parts])
    offsets = np.cumsum([0, *(len(part.points) for part in parts)])
    start = np.concatenate([part.start[:-1] + offset for part, offset in zip(parts, offsets[:-1], strict=True)])
    sizes = np.concatenate([np.diff(part.start) for part in parts])
    points = np.concatenate([part.points for part in parts])
    order = np.argsort(face, kind="stable")
    new_start = np.concatenate([[0], np.cumsum(sizes[order])])
    return Sides(
        face=face[order],
        start=new_start,
        points=gather(points, start[order], new_start),
        leaving=np.concatenate([part.leaving for part in parts])[order],
        arriving=np.concatenate([part.arriving for part in parts])[order],
        soft=np.concatenate([part.soft for part in parts])[order],
    )


@compiled
def gather(points: Points, start: Starts, new_start: Starts) -> Points:
    """Copy runs of points, each from an index in `start` on, to the places that `new_start` bounds."""
    gathered = np.empty((new_start[-1], 2), np.int32)
    for side in range(start.size):
        for k in range(new_start[side + 1] - new_start[side]):
            gathered[new_start[side] + k] = points[start[side] + k]
    return gathered
