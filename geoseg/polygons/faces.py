"""Trace the faces of a class raster, band by band; a face is complete after its last row."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from geoseg.threads import InThreads, Tasks, in_order

from .bands import Band, Tallies, TracedBand, trace_band
from .components import NODATA, Flags, Labels, Values, connect, renumbered
from .rings import Faces, close_rings
from .sides import Sides, concatenate


@dataclass(frozen=True, kw_only=True, eq=False)
class _OpenFaces:
    """Faces that continue in the next band."""

    value: Values
    sides: list[list[Sides]]
    """Sides found so far for each face, one entry for each band."""
    bottom: Labels
    """Faces in the last row `(columns,)`; -1 for nodata."""
    tallies: Tallies


def trace_faces(
    bands: Iterable[Band],
    columns: int,
    wanted: Flags,
    tolerance_m: float = 0.0,
    tasks: Tasks = InThreads(1),  # noqa: B008 - never changed
) -> Iterator[Faces]:
    """Yield, for each band, the faces that end in it, in the order of their first pixels.

    `wanted` flags the classes to yield, by class id `(65536,)`. At a tolerance of 0, borders stay on the pixel sides.
    The height of the bands changes the order of the faces and, because simplified borders keep the points where they
    cross into another band, the points kept. Memory holds a band for each of the `tasks` that run at a time, one more,
    and the borders of unfinished faces.
    """
    none = np.zeros(0, np.int64)
    tallies = Tallies(bounds=np.zeros((0, 4), np.int64), levels=none, pixels=none)
    waiting = _OpenFaces(value=np.zeros(0, np.uint16), sides=[], bottom=np.full(columns, -1, np.int32), tallies=tallies)
    traced = in_order(
        lambda each: tasks.submit(trace_band, *each, wanted, tolerance_m),
        _with_rows_above(bands, columns),
        at_once=tasks.workers,
    )
    for band in traced:
        finished, waiting = _join(band, waiting)
        unfinished = waiting.tallies.bounds[wanted[waiting.value]]
        yield replace(finished, below=inf if band.last else band.end, unfinished=unfinished)


def _with_rows_above(bands: Iterable[Band], columns: int) -> Iterator[tuple[Band, Values, int]]:
    """Yield bands with the class ids of the row above them, and their first rows."""
    above, top = np.full(columns, NODATA, np.uint16), 0
    for band in bands:
        yield band, above, top
        above, top = band.values[-1].copy(), top + len(band.values)


def _join(band: TracedBand, waiting: _OpenFaces) -> tuple[Faces, _OpenFaces]:
    """Join the faces of a band to those open above it; return the faces finished and still open."""
    both = waiting.bottom >= 0
    pairs = np.unique(np.column_stack([waiting.bottom[both], band.above[both] + waiting.value.size]), axis=0)
    count, merged = connect(pairs, waiting.value.size + band.value.size)
    earlier, own = merged[: waiting.value.size], merged[waiting.value.size :]
    value = np.empty(count, np.uint16)
    value[merged] = np.concatenate([waiting.value, band.value])
    continues = np.zeros(count, np.bool_)
    bottom = renumbered(band.bottom, own)
    if not band.last:
        continues[bottom[bottom >= 0]] = True
    found = band.sides.renumbered(own)
    parts = _merge_sides(waiting.sides, earlier)
    tallies = _add_up([(waiting.tallies, earlier), (band.tallies, own)], count)
    finished = _finish(found, parts, continues, value, tallies if band.measured else None)
    return finished, _keep_open(found, parts, continues, value, bottom, tallies)


def _add_up(parts: list[tuple[Tallies, Labels]], count: int) -> Tallies:
    """Add up tallies, given the new number of each of their faces."""
    least, most = np.full((count, 2), np.iinfo(np.int64).max), np.zeros((count, 2), np.int64)
    levels, pixels = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for tallies, numbers in parts:
        np.minimum.at(least, numbers, tallies.bounds[:, :2])
        np.maximum.at(most, numbers, tallies.bounds[:, 2:])
        np.add.at(levels, numbers, tallies.levels)
        np.add.at(pixels, numbers, tallies.pixels)
    return Tallies(bounds=np.column_stack([least, most]), levels=levels, pixels=pixels)


def _merge_sides(sides_of: list[list[Sides]], merged: Labels) -> dict[int, list[Sides]]:
    """Return the sides from the bands above, by merged face."""
    parts: dict[int, list[Sides]] = {}
    for face, found in zip(merged[: len(sides_of)].tolist(), sides_of, strict=True):
        parts.setdefault(face, []).extend(found)
    return parts


def _finish(
    found: Sides, parts: dict[int, list[Sides]], continues: Flags, value: Values, tallies: Tallies | None
) -> Faces:
    """Return the faces that end in this band, their sides joined to rings; `tallies` hold their confidence."""
    done = [found.take(np.flatnonzero(~continues[found.face]))]
    for face, earlier in parts.items():
        if not continues[face]:
            done += [replace(part, face=np.full_like(part.face, face)) for part in earlier]
    sides = concatenate(done)
    confidence = None if tallies is None else tallies.take(np.unique(sides.face)).confidence()
    return replace(close_rings(sides, value), confidence=confidence)


def _keep_open(  # noqa: PLR0917
    found: Sides, parts: dict[int, list[Sides]], continues: Flags, value: Values, bottom: Labels, tallies: Tallies
) -> _OpenFaces:
    """Return the faces that continue, renumbered, with their sides so far."""
    open_faces = np.flatnonzero(continues)
    begin, end = np.searchsorted(found.face, open_faces), np.searchsorted(found.face, open_faces, side="right")
    kept = []
    for face, low, high in zip(open_faces.tolist(), begin.tolist(), end.tolist(), strict=True):
        own = [found.take(np.arange(low, high))] if high > low else []
        kept.append(parts.get(face, []) + own)
    numbers = np.full(len(value), -1, np.int32)
    numbers[open_faces] = np.arange(len(open_faces), dtype=np.int32)
    return _OpenFaces(
        value=value[open_faces], sides=kept, bottom=renumbered(bottom, numbers), tallies=tallies.take(open_faces)
    )
