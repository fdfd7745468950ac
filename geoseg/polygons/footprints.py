"""Candidate outlines of an area: right-angled, simplified, as traced."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely

from .arcs import Points, Starts
from .pixels import pixel_iou
from .right_angles import Metres, find_corners, fit_right_angles, main_direction
from .rings import Faces
from .simplify import MAX_LOSS, simplify_face

TOLERANCE = 1.25
"""Tolerance in pixels by default: the smallest that removes the stair steps."""
FACTORS = ((2.0, 2.0), (4 / 3, 4 / 3), (1.0, 1.0), (2 / 3, 1.0))
"""Multiples of the tolerance for corners, and for the shortest side, tried in turn: the simplest outline that is close
enough is taken. Sides no longer than a pixel would be the stairs of the grid."""
MAX_CORNERS = 1000
"""Maximum number of corners of a ring before it is fitted; an area with more is hardly a building."""
MAX_PIXELS = 2**26
"""Maximum number of pixels in the bounds of a building; a larger area keeps its traced outline."""
REACH = 8.0
"""Distance in pixels by which a new outline may reach beyond the bounds of the traced one."""
_SMALLEST = 0.25
"""Tolerance as a share of the side of a square of the ring's area, so that small rings keep a shape."""

Outlines = npt.NDArray[np.object_]
TRACED, SIMPLIFIED, REGULARISED = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How outlines are fitted."""

    tolerance_m: float
    """0 for `TOLERANCE`."""
    min_iou: float
    """Smallest intersection over union, in pixels, of a right-angled outline and the traced one."""


def outlines(faces: Faces, ground: npt.NDArray[np.float64], fit: Fit) -> Outlines:
    """Return the candidate outlines `(faces, 3)` of each face, polygons in lattice points, by `TRACED` and so on.

    None where there is no such outline. `ground` holds, for each face, the metres east and north of a step down a
    column and of one along a row `(faces, 2, 2)`: angles are right, and the tolerance holds, on the ground.
    """
    found: Outlines = np.full((len(faces.value), 3), None, np.object_)
    offsets = (faces.ring_start, faces.face_start)
    traced = shapely.from_ragged_array(shapely.GeometryType.POLYGON, faces.points.astype(np.float64), offsets)
    found[:, TRACED] = traced
    pixels = shapely.area(traced)
    for number, (low, high) in enumerate(pairwise(faces.face_start.tolist())):
        start = faces.ring_start[low : high + 1]
        lattice: Points = faces.points[start[0] : start[-1]].astype(np.int32)
        if np.prod(np.ptp(lattice, axis=0), dtype=np.int64) > MAX_PIXELS:
            continue
        face = _Face(lattice=lattice, start=start - start[0], pixels=pixels[number], step_m=ground[number, ::-1])
        found[number, SIMPLIFIED:] = face.simplified(fit), face.regularised(fit)
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class _Face:
    """A traced face."""

    lattice: Points
    """Lattice points of its rings `(points, 2)`, which repeat their first."""
    start: Starts
    """Offsets of the rings."""
    pixels: float
    step_m: Metres
    """Metres east and north of a step along a row and of one down a column `(2, 2)`."""

    def tolerance_m(self, fit: Fit) -> float:
        return fit.tolerance_m or TOLERANCE * float(self.pixel_m.max())

    @cached_property
    def pixel_m(self) -> Metres:
        """Width and height of a pixel `(2,)`, metres."""
        lengths: Metres = np.hypot(*self.step_m.T)
        return lengths

    @cached_property
    def rings(self) -> list[Metres]:
        """Rings in metres from the first point."""
        return [(self.lattice[a:b] - self.lattice[0]) @ self.step_m for a, b in pairwise(self.start.tolist())]

    @cached_property
    def most_m(self) -> list[float]:
        """Greatest tolerance for each ring."""
        return [_SMALLEST * abs(_doubled_area(ring) / 2) ** 0.5 for ring in self.rings]

    def simplified(self, fit: Fit) -> shapely.Polygon | None:
        """Return the simplified outline."""
        along, down = self.pixel_m.tolist()
        tolerance_m = min(self.tolerance_m(fit), self.most_m[0])
        keep = simplify_face(self.lattice, self.start, self.pixels, (down, along), tolerance_m)
        kept = [self.lattice[a:b][keep[a:b]].astype(np.float64) for a, b in pairwise(self.start.tolist())]
        return self._accepted(kept, 1 - MAX_LOSS)

    def regularised(self, fit: Fit) -> shapely.Polygon | None:
        """Return the simplest right-angled outline that agrees well enough."""
        tolerance_m = self.tolerance_m(fit)
        to_lattice = np.linalg.inv(self.step_m)
        for corner, side in FACTORS:
            at = [
                find_corners(ring, min(corner * tolerance_m, most))
                for ring, most in zip(self.rings, self.most_m, strict=True)
            ]
            if max(map(len, at)) > MAX_CORNERS:
                break
            angle = main_direction(self.rings[0], at[0])
            fitted = [
                fit_right_angles(ring, corners, angle, min(side * tolerance_m, most))
                for ring, corners, most in zip(self.rings, at, self.most_m, strict=True)
            ]
            found = self._accepted([ring @ to_lattice + self.lattice[0] for ring in fitted], fit.min_iou)
            if found is not None:
                return found
        return None

    def _accepted(self, rings: list[Metres], min_iou: float) -> shapely.Polygon | None:
        """Return rings of lattice points as a polygon if it is valid and agrees with the face."""
        low, high = self.lattice.min(axis=0) - REACH, self.lattice.max(axis=0) + REACH
        if min(map(len, rings)) < 4 or not ((rings[0] >= low) & (rings[0] <= high)).all():
            return None
        points, start = np.concatenate(rings), np.cumsum([0, *map(len, rings)])
        if pixel_iou(points, start, self.lattice.astype(np.float64), self.start) < min_iou:
            return None
        polygon = shapely.orient_polygons(shapely.Polygon(rings[0], rings[1:]), exterior_cw=True)
        return polygon if polygon.is_valid else None


def _doubled_area(ring: Metres) -> float:
    x, y = ring.T
    return float(x[:-1] @ y[1:] - x[1:] @ y[:-1])
