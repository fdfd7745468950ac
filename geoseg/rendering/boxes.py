"""Oriented rectangles on the ground: buildings, cars, pools, plots."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from .road import perpendicular

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """Many oriented rectangles in metres."""

    centre: Floats
    """(n, 2) x and y."""
    axis: Floats
    """(n, 2) unit vector along the length."""
    half: Floats
    """(n, 2) half length and half width."""

    def __len__(self) -> int:
        return len(self.centre)

    def __getitem__(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "Boxes":
        return Boxes(centre=self.centre[which], axis=self.axis[which], half=self.half[which])

    @property
    def across(self) -> Floats:
        """(n, 2) unit vector along the width."""
        return perpendicular(self.axis)

    def at(self, along: Floats, across: Floats) -> Floats:
        """Return points (n, 2), given distances from the centre along and across each rectangle in metres."""
        return np.asarray(self.centre + along[:, None] * self.axis + across[:, None] * self.across)

    def polygons(self, grow_m: float = 0.0) -> npt.NDArray[np.object_]:
        """Return outlines as shapely polygons (n,), buffered on all sides."""
        half = self.half + grow_m
        corners = [self.at(i * half[:, 0], j * half[:, 1]) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))]
        return np.asarray(shapely.polygons(np.stack(corners, axis=1)), object)


def boxes(centre: Floats, axis: Floats, half_length: Floats | float, half_width: Floats | float) -> Boxes:
    """Build rectangles; half sides are (n,) or one number for all."""
    half = np.stack([np.broadcast_to(half_length, len(centre)), np.broadcast_to(half_width, len(centre))], axis=1)
    return Boxes(
        centre=np.asarray(centre, float).reshape(-1, 2), axis=np.asarray(axis, float).reshape(-1, 2), half=half
    )


def concatenate(parts: list[Boxes]) -> Boxes:
    """Concatenate groups of rectangles."""
    return Boxes(
        centre=np.concatenate([part.centre for part in parts] or [np.empty((0, 2))]),
        axis=np.concatenate([part.axis for part in parts] or [np.empty((0, 2))]),
        half=np.concatenate([part.half for part in parts] or [np.empty((0, 2))]),
    )


def first_of_overlapping(outlines: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Return a mask (n,) of polygons without overlaps, preferring earlier ones."""
    kept = np.ones(len(outlines), bool)
    later, earlier = shapely.STRtree(outlines).query(outlines, predicate="intersects")
    order = np.argsort(later, kind="stable")
    for index, other in zip(later[order], earlier[order], strict=True):
        if other < index and kept[other]:
            kept[index] = False
    return kept


def clear_of(obstacles: shapely.STRtree, areas: Boxes) -> npt.NDArray[np.bool_]:
    """Return a mask (n,) of rectangles that touch no obstacle."""
    clear = np.ones(len(areas), bool)
    clear[obstacles.query(areas.polygons(), predicate="intersects")[0]] = False
    return clear
