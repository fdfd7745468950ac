"""Trace the faces of one band of a class raster, by itself: tasks for threads, or for the workers of a cluster."""

import zlib
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled
from geoseg.models.legend import LEVELS

from .arcs import trace
from .components import Flags, Ids, Labels, Values, label
from .sides import Sides, list_sides
from .simplify import simplify


@dataclass(frozen=True, kw_only=True, eq=False)
class Band:
    """Rows of a class raster; compressed when sent to another process."""

    values: Values
    """Class ids `(rows, columns)`; `NODATA` for nodata."""
    pixel_m: tuple[float, float]
    """Height and width of a pixel, metres."""
    last: bool
    """Whether this is the last band."""
    levels: npt.NDArray[np.uint8] | None = None
    """Probabilities of the pixels in `LEVELS` `(rows, columns)`, 255 where there is none; None for no such raster."""

    def __getstate__(self) -> dict[str, Any]:
        """Compress the pixels."""
        return {field.name: _packed(getattr(self, field.name)) for field in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Decompress the pixels."""
        for name, value in state.items():
            object.__setattr__(self, name, _unpacked(value))


@dataclass(frozen=True)
class _Packed:
    """An array for another process."""

    data: bytes
    dtype: str
    shape: tuple[int, ...]


def _packed(value: object) -> object:
    if not isinstance(value, np.ndarray):
        return value
    return _Packed(zlib.compress(value.tobytes(), 1), value.dtype.str, value.shape)


def _unpacked(value: object) -> object:
    if not isinstance(value, _Packed):
        return value
    return np.frombuffer(zlib.decompress(value.data), value.dtype).reshape(value.shape)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tallies:
    """Bounds and probabilities of each face so far."""

    bounds: Ids
    """Bounds in lattice points `(faces, 4)`: left, top, right, bottom."""
    levels: Ids
    """Sum of the probabilities of its pixels, in `LEVELS` `(faces,)`."""
    pixels: Ids
    """Pixels that have a probability `(faces,)`."""

    def take(self, faces: Labels | Ids) -> "Tallies":
        """Copy the tallies of some faces."""
        return Tallies(bounds=self.bounds[faces], levels=self.levels[faces], pixels=self.pixels[faces])

    def confidence(self) -> npt.NDArray[np.float64]:
        """Return the mean probability of the pixels of each face, NaN where none has one."""
        mean: npt.NDArray[np.float64] = self.levels / np.maximum(self.pixels, 1) / LEVELS
        mean[self.pixels == 0] = np.nan
        return mean


@dataclass(frozen=True, kw_only=True, eq=False)
class TracedBand:
    """The faces of a band and of the row above it, as far as these rows show them."""

    value: Values
    """Class ids by face, in the order of first pixels `(faces,)`."""
    above: Labels
    """Faces in the row above `(columns,)`; -1 for nodata."""
    bottom: Labels
    """Faces in the last row `(columns,)`; -1 for nodata."""
    sides: Sides
    """Sides of the faces, in lattice points of the raster."""
    tallies: Tallies
    """Tallies of the pixels in the band, without the row above."""
    end: int
    """Row after the band."""
    last: bool
    """Whether this is the last band."""
    measured: bool
    """Whether there are probabilities."""


def trace_band(band: Band, above: Values, top: int, wanted: Flags, tolerance_m: float) -> TracedBand:
    """Trace the borders of a band that starts at row `top`; the row above it has class ids `above` `(columns,)`.

    Sides are those of the `wanted` classes, by class id `(65536,)`.
    """
    rows, columns = band.values.shape
    framed = np.full((rows + 2, columns + 2), -1, np.int32)
    labels = framed[:-1, 1:-1]
    values = np.concatenate([above[None], band.values])
    value = values.ravel()[label(values, labels)]
    within = labels[1:]
    if not band.last:
        framed[-1] = framed[-2]
    arcs = trace(framed)
    keep = simplify(arcs, within, len(value), band.pixel_m, tolerance_m) if tolerance_m > 0 else None
    return TracedBand(
        value=value,
        above=labels[0].copy(),
        bottom=within[-1].copy(),
        sides=list_sides(arcs, keep, wanted[value], top),
        tallies=_tally(band, top, within, len(value)),
        end=top + rows,
        last=band.last,
        measured=band.levels is not None,
    )


def _tally(band: Band, top: int, within: Labels, count: int) -> Tallies:
    bounds = np.tile(np.array([within.shape[1], top + len(within), 0, 0]), (count, 1))
    tallies = Tallies(bounds=bounds, levels=np.zeros(count, np.int64), pixels=np.zeros(count, np.int64))
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
