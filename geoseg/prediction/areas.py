"""Ground area of each class of a class raster."""

from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
import numpy.typing as npt
from odc.geo.geobox import GeoBox

from geoseg.models.legend import NODATA, Legend
from geoseg.rasters.ground import ground_area, ground_areas
from geoseg.tiling import is_repeated

from .memory import STRIP_ROWS

_LATTICE = (32, 64)
"""Pixels to measure, down and along a strip whose middle is off the Earth."""


@dataclass(frozen=True, kw_only=True)
class ClassArea:
    """Pixels, share and ground area of one class, or of unknown pixels."""

    name: str
    colour: str
    """As `#4a4a4a`."""
    pixels: int
    share: float
    """Fraction of the valid pixels, 0 to 1."""
    area_m2: float
    """NaN if it cannot be measured."""


StripCounts = npt.NDArray[np.int64]
"""Pixels of each entry of a legend in strips of `STRIP_ROWS` rows `(strips, entries)`."""


def count_strips(rows: npt.NDArray[np.uint8], top: int, entries: int) -> StripCounts:
    """Count classes `(rows, columns)` whose first row is `top`, from the strip that holds it on."""
    if is_repeated(rows):  # of nodata
        return np.zeros((-(-(top + len(rows)) // STRIP_ROWS) - top // STRIP_ROWS, entries), np.int64)
    edges = range(top // STRIP_ROWS * STRIP_ROWS, top + len(rows), STRIP_ROWS)
    strips = (_with_data(rows[max(edge - top, 0) : edge - top + STRIP_ROWS]) for edge in edges)
    return np.array([np.bincount(strip.ravel(), minlength=NODATA + 1)[:entries] for strip in strips], np.int64)


class AreaCounter:
    """Sums pixels and ground area of each class, in any order; pixels of a strip are as large as `_pixel_area`."""

    def __init__(self, legend: Legend, grid: GeoBox) -> None:
        self._entries = legend.entries
        self._grid = grid
        self._strips: StripCounts = np.zeros((-(-grid.shape[0] // STRIP_ROWS), len(self._entries)), np.int64)

    def add(self, top: int, counts: StripCounts) -> None:
        """Add the pixels that `count_strips` has counted from row `top` on."""
        first = top // STRIP_ROWS
        self._strips[first : first + len(counts)] += counts

    def strips(self, top: int, bottom: int) -> StripCounts:
        """Return the counts of the strips that hold rows `top:bottom`."""
        return self._strips[top // STRIP_ROWS : -(-bottom // STRIP_ROWS)].copy()

    @property
    def pixels(self) -> npt.NDArray[np.int64]:
        """Pixels of each entry of the legend so far."""
        total: npt.NDArray[np.int64] = self._strips.sum(axis=0)
        return total

    def areas(self) -> tuple[ClassArea, ...]:
        """Share and area of each entry, in the order of the legend."""
        pixels = self.pixels
        shares = pixels / max(int(pixels.sum()), 1)
        area_m2 = np.zeros(len(self._entries))
        height = self._grid.shape[0]
        for top, strip in zip(range(0, height, STRIP_ROWS), self._strips, strict=True):
            if strip.any():
                area = _pixel_area(self._grid[top : min(top + STRIP_ROWS, height), :])
                area_m2[strip > 0] += strip[strip > 0] * area
        return tuple(
            ClassArea(name=entry.name, colour=entry.colour, pixels=int(count), share=float(share), area_m2=float(area))
            for entry, count, share, area in zip(self._entries, pixels, shares, area_m2, strict=True)
        )


def _pixel_area(strip: GeoBox) -> float:
    """Area in m² of the pixel in the middle of a strip, or else the mean of those of a lattice that are on the Earth.

    NaN if none is.
    """
    middle = ground_area(strip)
    if isfinite(middle):
        return middle
    rows, cols = ((np.arange(count) + 0.5) / count * size for count, size in zip(_LATTICE, strip.shape, strict=True))
    areas = ground_areas(strip, np.stack(np.meshgrid(cols, rows), axis=-1).reshape(-1, 2))
    known = areas[np.isfinite(areas)]
    return float(known.mean()) if known.size else nan


def _with_data(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Leave out columns without data, which take much longer to count."""
    some = rows.min(axis=0) < NODATA
    return rows if some.all() else rows[:, some]
