"""Faces of a class raster whose bands stream by: each is handed on, with all of its rings, when its last row has."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .arcs import Points, Starts, trace
from .components import Labels, Values, join, label, relabel, renumbered
from .rings import Sides, rings, sides, together
from .simplify import simplify

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Band:
    """Rows of a class raster."""

    values: Values
    """Class ids `(rows, columns)`; `NOTHING` where there is none."""
    pixel_m: tuple[float, float]
    """Height and width of a pixel on the ground, metres."""
    last: bool
    """No rows follow."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Faces:
    """Connected components of one class each, with their borders."""

    value: Values
    """Class id of each `(faces,)`."""
    points: Points
    """Lattice points of the raster `(points, 2)`: x and y, whole numbers at pixel corners."""
    ring_start: Starts
    """Index of each ring's first point, `(rings + 1,)`; the last is their number."""
    face_start: Starts
    """Index of each face's first ring, which is its outer one, `(faces + 1,)`; the last is the number of rings."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Open:
    """Faces that may go on below."""

    value: Values
    sides: list[list[Sides]]
    """Sides found so far, one entry for each band that the face has borders in."""
    bottom: Labels
    """Face of each pixel of the last row `(columns,)`; -1 where there is no data."""


def trace_faces(bands: Iterable[Band], columns: int, wanted: Flags, tolerance_m: float = 0.0) -> Iterator[Faces]:
    """Yield the faces that each band finishes, in the order of their first pixels.

    Memory holds a band and the borders of faces that are not finished.

    Parameters
    ----------
    bands
        The raster from top to bottom. How it is cut changes the order of the faces; and, where borders are simplified,
        which points of them are kept, for those where a border crosses from band to band are.
    columns
        Width of the raster.
    wanted
        Whether to yield faces of each class id `(65536,)`.
    tolerance_m
        How far borders may move, metres; with 0 they stay on the sides of pixels.
    """
    waiting = _Open(value=np.zeros(0, np.uint16), sides=[], bottom=np.full(columns, -1, np.int32))
    top = 0
    for band in bands:
        finished, waiting = _add(band, top, waiting, wanted, tolerance_m)
        top += len(band.values)
        yield finished


def _add(band: Band, top: int, waiting: _Open, wanted: Flags, tolerance_m: float) -> tuple[Faces, _Open]:
    """Trace the borders of a band; returns what it finishes and what waits for the next."""
    rows, columns = band.values.shape
    framed = np.full((rows + 2, columns + 2), -1, np.int32)
    within = framed[1:-1, 1:-1]
    first = label(band.values, within)
    new_value = band.values.ravel()[first]
    carried = len(waiting.value)
    united, count = join(waiting.bottom, waiting.value, within[0], band.values[0], len(first))
    relabel(within, united[carried:])
    framed[0, 1:-1] = renumbered(waiting.bottom, united)
    if not band.last:
        framed[-1] = framed[-2]
    value = np.empty(count, np.uint16)
    value[united] = np.concatenate([waiting.value, new_value])
    goes_on = np.zeros(count, np.bool_)
    if not band.last:
        bottom = within[-1]
        goes_on[bottom[bottom >= 0]] = True
    arcs = trace(framed)
    keep = simplify(arcs, within, count, band.pixel_m, tolerance_m) if tolerance_m > 0 else None
    found = sides(arcs, keep, wanted[value], top)
    parts = _parts(waiting.sides, united)
    return _finish(found, parts, goes_on, value), _keep_open(found, parts, goes_on, value, within[-1])


def _parts(sides_of: list[list[Sides]], united: Labels) -> dict[int, list[Sides]]:
    """Sides from above by united face."""
    parts: dict[int, list[Sides]] = {}
    for face, found in zip(united[: len(sides_of)].tolist(), sides_of, strict=True):
        parts.setdefault(face, []).extend(found)
    return parts


def _finish(found: Sides, parts: dict[int, list[Sides]], goes_on: Flags, value: Values) -> Faces:
    """Faces that do not go on, all sides of theirs joined to rings."""
    done = [found.at(np.flatnonzero(~goes_on[found.face]))]
    for face, earlier in parts.items():
        if not goes_on[face]:
            done += [part.of(0, len(part.face), face) for part in earlier]
    made = rings(together(done))
    faces, ring_counts = np.unique(made.face, return_counts=True)
    face_start = np.concatenate([[0], np.cumsum(ring_counts)])
    return Faces(value=value[faces], points=made.points, ring_start=made.start, face_start=face_start)


def _keep_open(found: Sides, parts: dict[int, list[Sides]], goes_on: Flags, value: Values, bottom: Labels) -> _Open:
    """Faces that go on, numbered anew, with their sides from above and from the band."""
    open_faces = np.flatnonzero(goes_on)
    begin, end = np.searchsorted(found.face, open_faces), np.searchsorted(found.face, open_faces, side="right")
    kept = []
    for face, low, high in zip(open_faces.tolist(), begin.tolist(), end.tolist(), strict=True):
        own = [found.of(low, high, face)] if high > low else []
        kept.append(parts.get(face, []) + own)
    numbers = np.full(len(value), -1, np.int32)
    numbers[open_faces] = np.arange(len(open_faces), dtype=np.int32)
    return _Open(value=value[open_faces], sides=kept, bottom=renumbered(bottom, numbers))
