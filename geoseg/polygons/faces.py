"""Trace the faces of a class raster band by band; each is complete, with all its rings, after its last row."""

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
    """Class ids `(rows, columns)`; `NOTHING` for nodata."""
    pixel_m: tuple[float, float]
    """Height and width of a pixel, metres."""
    last: bool
    """Whether this is the last band."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Faces:
    """Connected components with their borders."""

    value: Values
    """Class id of each `(faces,)`."""
    points: Points
    """Lattice points of the raster `(points, 2)` as x and y: integers at pixel corners."""
    ring_start: Starts
    """Offsets of the rings in `points`, `(rings + 1,)`."""
    face_start: Starts
    """Offsets of the faces in the rings, `(faces + 1,)`; the outer ring is first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Open:
    """Faces that may continue in the next band."""

    value: Values
    sides: list[list[Sides]]
    """Sides found so far for each face, one entry for each band."""
    bottom: Labels
    """Faces in the last row `(columns,)`; -1 for nodata."""


def trace_faces(bands: Iterable[Band], columns: int, wanted: Flags, tolerance_m: float = 0.0) -> Iterator[Faces]:
    """Yield, for each band, the faces that end in it, in the order of their first pixels.

    Memory holds one band and the borders of unfinished faces.

    Parameters
    ----------
    bands
        The raster from top to bottom. The height of the bands changes the order of the faces and, because simplified
        borders keep the points where they cross into another band, the points kept.
    columns
        Width of the raster.
    wanted
        Classes to yield, by class id `(65536,)`.
    tolerance_m
        Distance that borders may move, metres; 0 keeps them on the pixel sides.
    """
    waiting = _Open(value=np.zeros(0, np.uint16), sides=[], bottom=np.full(columns, -1, np.int32))
    top = 0
    for band in bands:
        finished, waiting = _add(band, top, waiting, wanted, tolerance_m)
        top += len(band.values)
        yield finished


def _add(band: Band, top: int, waiting: _Open, wanted: Flags, tolerance_m: float) -> tuple[Faces, _Open]:
    """Trace the borders of a band; return its finished and its open faces."""
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
    continues = np.zeros(count, np.bool_)
    if not band.last:
        bottom = within[-1]
        continues[bottom[bottom >= 0]] = True
    arcs = trace(framed)
    keep = simplify(arcs, within, count, band.pixel_m, tolerance_m) if tolerance_m > 0 else None
    found = sides(arcs, keep, wanted[value], top)
    parts = _parts(waiting.sides, united)
    return _finish(found, parts, continues, value), _keep_open(found, parts, continues, value, within[-1])


def _parts(sides_of: list[list[Sides]], united: Labels) -> dict[int, list[Sides]]:
    """Return the sides from the bands above by merged face."""
    parts: dict[int, list[Sides]] = {}
    for face, found in zip(united[: len(sides_of)].tolist(), sides_of, strict=True):
        parts.setdefault(face, []).extend(found)
    return parts


def _finish(found: Sides, parts: dict[int, list[Sides]], continues: Flags, value: Values) -> Faces:
    """Return the faces that end in this band, their sides joined to rings."""
    done = [found.at(np.flatnonzero(~continues[found.face]))]
    for face, earlier in parts.items():
        if not continues[face]:
            done += [part.of(0, len(part.face), face) for part in earlier]
    made = rings(together(done))
    faces, ring_counts = np.unique(made.face, return_counts=True)
    face_start = np.concatenate([[0], np.cumsum(ring_counts)])
    return Faces(value=value[faces], points=made.points, ring_start=made.start, face_start=face_start)


def _keep_open(found: Sides, parts: dict[int, list[Sides]], continues: Flags, value: Values, bottom: Labels) -> _Open:
    """Return the faces that continue, renumbered, with their sides so far."""
    open_faces = np.flatnonzero(continues)
    begin, end = np.searchsorted(found.face, open_faces), np.searchsorted(found.face, open_faces, side="right")
    kept = []
    for face, low, high in zip(open_faces.tolist(), begin.tolist(), end.tolist(), strict=True):
        own = [found.of(low, high, face)] if high > low else []
        kept.append(parts.get(face, []) + own)
    numbers = np.full(len(value), -1, np.int32)
    numbers[open_faces] = np.arange(len(open_faces), dtype=np.int32)
    return _Open(value=value[open_faces], sides=kept, bottom=renumbered(bottom, numbers))
