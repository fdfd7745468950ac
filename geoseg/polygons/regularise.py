"""Give areas right angles, without overlaps, as soon as all their neighbours are traced."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from .components import Flags, Ids, Values
from .footprints import REACH, REGULARISED, SIMPLIFIED, TRACED, Fit, Outlines, outlines
from .rings import Faces
from .simplify import CLEARANCE

Ground = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Areas:
    """Areas with their candidate outlines."""

    value: Values
    """Class ids `(areas,)`."""
    outlines: Outlines
    """Polygons `(areas, 3)`; None where there is none."""
    rank: Ids
    """Size in pixels, then column and row of the first pixel, `(areas, 3)`: the larger rank takes precedence."""
    confidence: npt.NDArray[np.float64]
    """Mean probabilities `(areas,)`; NaN where there is none."""
    decided: Flags
    """Whether an area was yielded and only waits for its neighbours `(areas,)`."""

    def take(self, chosen: Flags) -> "_Areas":
        """Keep some areas."""
        return _Areas(
            value=self.value[chosen],
            outlines=self.outlines[chosen],
            rank=self.rank[chosen],
            confidence=self.confidence[chosen],
            decided=self.decided[chosen],
        )


def regularise(traced: Iterable[Faces], ground: Ground, fit: Fit) -> Iterator[Faces]:
    """Yield, for each band, the areas whose neighbours are all traced, with right angles where these fit.

    `ground` returns, for lattice points `(n, 2)`, the metres east and north of a step down a column and of one along a
    row `(n, 2, 2)`. An area takes its right-angled outline, or else its simplified one, if that keeps clear of the
    traced outlines of all others and of every outline of those that are larger; otherwise its traced one. So no two
    overlap, and the outline of an area depends on its neighbours only: not on the height of the bands, nor on what
    becomes of areas further away. Memory holds the areas that wait for unfinished ones.
    """
    areas = _Areas(
        value=np.zeros(0, np.uint16),
        outlines=np.empty((0, 3), np.object_),
        rank=np.zeros((0, 3), np.int64),
        confidence=np.zeros(0),
        decided=np.zeros(0, np.bool_),
    )
    for faces in traced:
        areas = _join(areas, _fit_all(faces, ground, fit))
        bounds = shapely.bounds(areas.outlines[:, TRACED]).reshape(-1, 4)
        open_bounds = np.zeros((0, 4)) if faces.unfinished is None else faces.unfinished
        ready = ~areas.decided & (bounds[:, 3] + 2 * REACH + 1 < faces.below) & ~_beside(bounds, open_bounds)
        chosen = _chosen(areas, ready)
        yield chosen if faces.confidence is None else replace(chosen, confidence=areas.confidence[ready])
        areas = replace(areas, decided=areas.decided | ready)
        areas = areas.take(~areas.decided | _beside(bounds, bounds[~areas.decided]))


def _fit_all(faces: Faces, ground: Ground, fit: Fit) -> _Areas:
    first = faces.ring_start[faces.face_start[:-1]]
    corner = faces.points[first].astype(np.int64)
    fitted = outlines(faces, ground(_middles(faces)), fit)
    pixels = np.rint(shapely.area(fitted[:, TRACED])).astype(np.int64)
    return _Areas(
        value=faces.value,
        outlines=fitted,
        rank=np.column_stack([pixels, corner]),
        confidence=np.full(len(pixels), np.nan) if faces.confidence is None else faces.confidence,
        decided=np.zeros(len(pixels), np.bool_),
    )


def _middles(faces: Faces) -> npt.NDArray[np.float64]:
    """Return the middles of the bounds of faces `(faces, 2)`."""
    begin = faces.ring_start[faces.face_start[:-1]]
    if not len(begin):
        return np.zeros((0, 2))
    low, high = np.minimum.reduceat(faces.points, begin), np.maximum.reduceat(faces.points, begin)
    return (low + high) / 2


def _join(one: _Areas, other: _Areas) -> _Areas:
    return _Areas(
        value=np.concatenate([one.value, other.value]),
        outlines=np.concatenate([one.outlines, other.outlines]),
        rank=np.concatenate([one.rank, other.rank]),
        confidence=np.concatenate([one.confidence, other.confidence]),
        decided=np.concatenate([one.decided, other.decided]),
    )


def _beside(bounds: npt.NDArray[np.float64], others: npt.NDArray[Any]) -> Flags:
    """Flag the areas with outlines that may come near to those of others, given the bounds of both `(areas, 4)`."""
    found = np.zeros(len(bounds), np.bool_)
    found[shapely.STRtree(_reach(bounds)).query(_reach(others), predicate="intersects")[1]] = True
    return found


def _reach(bounds: npt.NDArray[Any]) -> Outlines:
    """Return boxes `(areas,)` of what outlines may reach, and half a pixel more."""
    low, high = bounds[:, :2] - REACH - 0.5, bounds[:, 2:] + REACH + 0.5
    boxes: Outlines = np.asarray(shapely.box(*low.T, *high.T), np.object_)
    return boxes


def _chosen(areas: _Areas, ready: Flags) -> Faces:
    """Return the areas that are ready, with their outlines."""
    owner, kind = np.nonzero(areas.outlines != None)  # noqa: E711 - elementwise
    shapes = areas.outlines[owner, kind]
    asked = np.flatnonzero(ready[owner] & (kind != TRACED))
    mine, near = shapely.STRtree(shapes).query(shapes[asked], predicate="dwithin", distance=CLEARANCE)
    mine = asked[mine]
    order = np.empty(len(ready), np.int64)
    order[np.lexsort(areas.rank.T[::-1])] = np.arange(len(ready))
    conflict = (owner[mine] != owner[near]) & ((kind[near] == TRACED) | (order[owner[near]] > order[owner[mine]]))
    # Areas that meet at a corner may still do so when they are simplified.
    mine, near = mine[conflict], near[conflict]
    conflict = (kind[mine] != SIMPLIFIED) | ~shapely.touches(shapes[mine], shapes[near])
    free = np.ones(areas.outlines.shape, np.bool_)
    free[owner[mine[conflict]], kind[mine[conflict]]] = False
    free &= areas.outlines != None  # noqa: E711
    best = np.where(free[:, REGULARISED], REGULARISED, np.where(free[:, SIMPLIFIED], SIMPLIFIED, TRACED))[ready]
    polygons = areas.outlines[ready, best]
    _, points, offsets = shapely.to_ragged_array(polygons) if len(polygons) else (None, np.zeros((0, 2)), _NO_RINGS)
    return Faces(
        value=areas.value[ready],
        points=points,
        ring_start=offsets[0].astype(np.int64),
        face_start=offsets[1].astype(np.int64),
        regularised=best == REGULARISED,
    )


_NO_RINGS = (np.zeros(1, np.int64), np.zeros(1, np.int64))
