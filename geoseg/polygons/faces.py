"""Trace the faces of a class raster, band by band; a face is complete after its last row."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled
from geoseg.models.legend import LEVELS

from .arcs import trace
from .components import Flags, Ids, Labels, Values, label_below, renumbered
from .rings import Faces, Sides, close_rings, concatenate, list_sides
from .simplify import simplify


@dataclass(frozen=True, kw_only=True, eq=False)
class Band:
    """Rows of a class raster."""

    values: Values
    """Class ids `(rows, columns)`; `NODATA` for nodata."""
    pixel_m: tuple[float, float]
    """Height and width of a pixel, metres."""
    last: bool
    """Whether this is the last band."""
    levels: npt.NDArray[np.uint8] | None = None
    """Probabilities of the pixels in `LEVELS` `(rows, columns)`, 255 where there is none; None for no such raster."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tallies:
    """What was found so far about each face."""

    bounds: Ids
    """Lattice points that bound it, `(faces, 4)`: left, top, right, bottom."""
    levels: Ids
    """Sum of the probabilities of its pixels, in `LEVELS` `(faces,)`."""
    pixels: Ids
    """Pixels that have a probability `(faces,)`."""

    def take(self, faces: Labels | Ids) -> "_Tallies":
        """Copy the tallies of some faces."""
        return _Tallies(bounds=self.bounds[faces], levels=self.levels[faces], pixels=self.pixels[faces])

    def confidence(self) -> npt.NDArray[np.float64]:
        """Return the mean probability of the pixels of each face, NaN where none has one."""
        mean: npt.NDArray[np.float64] = self.levels / np.maximum(self.pixels, 1) / LEVELS
        mean[self.pixels == 0] = np.nan
        return mean


@dataclass(frozen=True, kw_only=True, eq=False)
class _OpenFaces:
    """Faces that continue in the next band."""

    value: Values
    sides: list[list[Sides]]
    """Sides found so far for each face, one entry for each band."""
    bottom: Labels
    """Faces in the last row `(columns,)`; -1 for nodata."""
    tallies: _Tallies


def trace_faces(bands: Iterable[Band], columns: int, wanted: Flags, tolerance_m: float = 0.0) -> Iterator[Faces]:
    """Yield, for each band, the faces that end in it, in the order of their first pixels.

    `wanted` flags the classes to yield, by class id `(65536,)`. At a tolerance of 0, borders stay on the pixel sides.
    The height of the bands changes the order of the faces and, because simplified borders keep the points where they
    cross into another band, the points kept. Memory holds one band and the borders of unfinished faces.
    """
    none = np.zeros(0, np.int64)
    tallies = _Tallies(bounds=np.zeros((0, 4), np.int64), levels=none, pixels=none)
    waiting = _OpenFaces(value=np.zeros(0, np.uint16), sides=[], bottom=np.full(columns, -1, np.int32), tallies=tallies)
    top = 0
    for band in bands:
        finished, waiting = _trace_band(band, top, waiting, wanted, tolerance_m)
        top += len(band.values)
        unfinished = waiting.tallies.bounds[wanted[waiting.value]]
        yield replace(finished, below=inf if band.last else top, unfinished=unfinished)


def _trace_band(
    band: Band, top: int, waiting: _OpenFaces, wanted: Flags, tolerance_m: float
) -> tuple[Faces, _OpenFaces]:
    """Trace the borders of a band; return the faces finished and still open."""
    rows, columns = band.values.shape
    framed = np.full((rows + 2, columns + 2), -1, np.int32)
    within = framed[1:-1, 1:-1]
    merged, value = label_below(waiting.bottom, waiting.value, band.values, within)
    framed[0, 1:-1] = renumbered(waiting.bottom, merged)
    continues = np.zeros(len(value), np.bool_)
    if not band.last:
        framed[-1] = framed[-2]
        bottom = within[-1]
        continues[bottom[bottom >= 0]] = True
    arcs = trace(framed)
    keep = simplify(arcs, within, len(value), band.pixel_m, tolerance_m) if tolerance_m > 0 else None
    found = list_sides(arcs, keep, wanted[value], top)
    parts = _merge_sides(waiting.sides, merged)
    tallies = _tally(band, top, within, waiting.tallies, merged)
    finished = _finish(found, parts, continues, value, tallies if band.levels is not None else None)
    return finished, _keep_open(found, parts, continues, value, within[-1], tallies)


def _tally(band: Band, top: int, within: Labels, above: _Tallies, merged: Labels) -> _Tallies:
    """Add the pixels of a band that starts at row `top` to the tallies of the band above.

    `within` holds the faces of the band `(rows, columns)`; `merged` the new numbers of the faces above, then of others.
    """
    count = int(merged.max(initial=-1)) + 1
    earlier = merged[: len(above.bounds)]
    bounds = np.tile(np.array([within.shape[1], top + len(within), 0, 0]), (count, 1))
    tallies = _Tallies(bounds=bounds, levels=np.zeros(count, np.int64), pixels=np.zeros(count, np.int64))
    np.minimum.at(bounds[:, :2], earlier, above.bounds[:, :2])
    np.maximum.at(bounds[:, 2:], earlier, above.bounds[:, 2:])
    np.add.at(tallies.levels, earlier, above.levels)
    np.add.at(tallies.pixels, earlier, above.pixels)
    _add_bounds(within, top, bounds)
    if band.levels is not None:
        _add_levels(within, band.levels, tallies.levels, tallies.pixels)
    return tallies


@compiled
def _add_bounds(within: Labels, top: int, bounds: Ids) -> None:
    for y in range(within.shape[0]):
        for x in range(within.shape[1]):
            if within[y, x] >= 0:
                box = bounds[within[y, x]]
                box[0], box[1] = min(box[0], x), min(box[1], top + y)
                box[2], box[3] = max(box[2], x + 1), max(box[3], top + y + 1)


@compiled
def _add_levels(within: Labels, levels: npt.NDArray[np.uint8], total: Ids, pixels: Ids) -> None:
    for y in range(within.shape[0]):
        for x in range(within.shape[1]):
            if within[y, x] >= 0 and levels[y, x] <= LEVELS:
                total[within[y, x]] += levels[y, x]
                pixels[within[y, x]] += 1


def _merge_sides(sides_of: list[list[Sides]], merged: Labels) -> dict[int, list[Sides]]:
    """Return the sides from the bands above, by merged face."""
    parts: dict[int, list[Sides]] = {}
    for face, found in zip(merged[: len(sides_of)].tolist(), sides_of, strict=True):
        parts.setdefault(face, []).extend(found)
    return parts


def _finish(
    found: Sides, parts: dict[int, list[Sides]], continues: Flags, value: Values, tallies: _Tallies | None
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
    found: Sides, parts: dict[int, list[Sides]], continues: Flags, value: Values, bottom: Labels, tallies: _Tallies
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
