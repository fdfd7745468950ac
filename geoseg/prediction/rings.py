"""Rings of an area of interest, and how they cross the meridian where a map is cut."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from geoseg.errors import MismatchError
from geoseg.rasters.ground import crs_of, turn_of, turn_to, turns_between
from geoseg.vectors.densify import Points, Starts

_ORIGINS = ("Longitude of natural origin", "Longitude of false origin")
"""Parameters of projections whose map is cut half a turn away."""
_ON_SEAM = 1e-7
"""Degrees to move a point on that cut: a centimetre."""
_HALVINGS = 12
"""Of an edge, after which it is short on the map, too, unless the map is cut there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rings:
    """Closed rings of polygons."""

    points: Points
    """x and y `(points, 2)` of all rings."""
    start: Starts
    """Offsets of the rings in them `(rings + 1,)`."""
    polygon: npt.NDArray[np.int64]
    """Polygon of each ring `(rings,)`, ascending. A polygon covers what an odd number of its rings surrounds."""


def clip(rings: Rings, axis: int, bound: float, keep: Callable[..., Points]) -> Rings:
    """Move what is beyond a bound onto it, with new points where edges cross it: the other side stays covered as is.

    `keep` is `np.maximum` for a lower bound and `np.minimum` for an upper one.
    """
    points, start = rings.points, rings.start
    beyond = keep(points[:, axis], bound) != points[:, axis]
    crosses = beyond[:-1] != beyond[1:]
    crosses[start[1:-1] - 1] = False  # no edge joins one ring to the next
    edges = np.flatnonzero(crosses)
    here, there = points[edges], points[edges + 1]
    half = there / 2 - here / 2  # the whole could overflow
    share = (bound / 2 - here[:, axis] / 2) / half[:, axis]
    crossing = here + half * share[:, None] * 2
    clipped = np.insert(points, edges + 1, crossing, axis=0)
    clipped[:, axis] = keep(clipped[:, axis], bound)
    clipped[edges + 1 + np.arange(len(edges)), axis] = bound
    return Rings(points=clipped, start=start + np.searchsorted(edges, start), polygon=rings.polygon)


def edge_lengths(points: Points, start: Starts) -> npt.NDArray[np.float64]:
    """Lengths of the edges between points and the next ones `(points - 1,)`; 0 from one ring to the next."""
    lengths: npt.NDArray[np.float64] = np.hypot(*np.diff(points, axis=0).T)
    lengths[start[1:-1] - 1] = 0
    return lengths


def refuse_torn(points: Points, projected: Points, start: Starts, to_grid: Transformer, longest: float) -> None:
    """Raise MismatchError if an edge longer than `longest` on the map stays so however short it is on the ground."""
    steps = edge_lengths(projected, start)
    edges = np.flatnonzero(steps > longest)
    ends = np.stack([points[edges], points[edges + 1]])
    placed = np.stack([projected[edges], projected[edges + 1]])
    for _ in range(_HALVINGS):
        middle = ends.mean(axis=0)
        between = np.column_stack(to_grid.transform(middle[:, 0], middle[:, 1]))
        halves = np.hypot(*np.moveaxis(placed - between, -1, 0))
        shorter, each = halves.argmin(axis=0), np.arange(len(edges))
        ends[shorter, each], placed[shorter, each] = middle, between
    if not (np.hypot(*(placed[1] - placed[0]).T) <= steps[edges] / 2).all():
        raise MismatchError(
            "the area of interest crosses the meridian where the map of the scene's CRS is cut; cut it there, or to "
            "the scene."
        )


def off_seam(rings: Rings, crs: str, grid: GeoBox) -> Rings:
    """Move points in degrees on the meridian where the map of a grid's CRS is cut to the side of their ring."""
    operation, x = crs_of(grid).coordinate_operation, rings.points[:, 0]
    parameters = () if operation is None else operation.params
    origins = [float(each.value) for each in parameters if each.name in _ORIGINS]
    if turn_of(crs_of(grid)) is not None or turn_of(CRS(crs)) is None or len(origins) != 1 or not len(x):
        return rings
    from_seam = turn_to(x - origins[0] - 180, 0, 360)
    low, high = (bound.reduceat(x, rings.start[:-1]) for bound in (np.minimum, np.maximum))
    middle = np.repeat((low + high) / 2, np.diff(rings.start))
    moved = np.where(np.abs(from_seam) < _ON_SEAM / 10, x + np.sign(middle - x) * _ON_SEAM, x)
    return replace(rings, points=np.column_stack([moved, rings.points[:, 1]]))


def repeat(rings: Rings, turn: float, left: float, right: float) -> Rings:
    """Add the same ground a turn further east and west where it overlaps an extent; see `turn_of`."""
    x = rings.points[:, 0]
    if not len(x):
        return rings
    turns = turns_between((x.min(), x.max()), (left, right), turn)
    count = int(rings.polygon.max()) + 1
    return Rings(
        points=np.concatenate([rings.points + np.array([each, 0]) for each in turns]),
        start=np.concatenate([[0], *(rings.start[1:] + len(x) * number for number in range(len(turns)))]),
        polygon=np.concatenate([rings.polygon + count * number for number in range(len(turns))]),
    )


def unwrap(rings: Rings, grid: GeoBox) -> Rings:
    """Move the points of rings that were clipped near a grid to its turn: PROJ has them on both sides of ±180°."""
    bounds, turn = grid.boundingbox, turn_of(crs_of(grid))
    if turn is None or not len(rings.points):
        return rings
    if 3 * (bounds.right - bounds.left) > turn:
        return repeat(_joined(rings, turn), turn, bounds.left, bounds.right)
    x, y = rings.points.T
    return replace(rings, points=np.column_stack([turn_to(x, (bounds.left + bounds.right) / 2, turn), y]))


def _joined(rings: Rings, turn: float) -> Rings:
    """Move points by whole turns to within half a turn of those before them, and rings likewise to their polygon's."""
    x, y = rings.points.T
    first, count = rings.start[:-1], np.diff(rings.start)
    steps = np.diff(x, prepend=x[:1])
    steps[first] = 0
    turns = np.cumsum(np.rint(steps / turn))
    turns -= np.repeat(turns[first], count)
    if turns[rings.start[1:] - 1].any():
        raise MismatchError("the area of interest surrounds a pole, where the scene's CRS is not defined; cut it.")
    x = x - turn * turns
    middle = (np.minimum.reduceat(x, first) + np.maximum.reduceat(x, first)) / 2
    outer = middle[np.searchsorted(rings.polygon, rings.polygon)]
    x += np.repeat(turn * np.rint((outer - middle) / turn), count)
    return replace(rings, points=np.column_stack([x, y]))
