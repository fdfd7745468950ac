"""Georeference of a grid: coordinates of its pixels, and lengths on the ground."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyproj
from rasterio import Affine

from geoseg.rasters.ground import Geodesy, longest_segment, place

from .arrays import Floats, Points


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Transform and CRS of a grid."""

    transform: Affine
    """From (column, row), integers at pixel corners, to x and y in the CRS."""
    crs: pyproj.CRS

    @cached_property
    def _geodesy(self) -> Geodesy:
        return Geodesy(crs=self.crs)

    def place(self, points: Points) -> Points:
        """Convert columns and rows to x and y in the CRS, both `(n, 2)`."""
        return place(self.transform, points)

    def step_lengths(self, line: Points) -> Floats:
        """Return the geodesic metres `(n - 1,)` between consecutive points `(n, 2)` in the CRS.

        SceneError where the CRS is not defined.
        """
        return self._geodesy.step_lengths(line)

    def longest(self, column: float, row: float) -> float:
        """Return the longest segment that counts as straight near a pixel, in units of the CRS."""
        along_m, down_m = np.hypot(*self.metric(column, row))
        return longest_segment(self.transform, (float(down_m), float(along_m)))

    def metric(self, column: float, row: float) -> Floats:
        """Return the matrix `(2, 2)` that converts a small step (columns, rows) at a pixel to metres.

        Its first axis is the direction along a row, since north is undefined at a pole.
        """
        steps = np.array([[-1, 0], [1, 0], [0, -1], [0, 1], [-1, -1], [1, 1], [1, -1], [-1, 1]]) / 2
        placed = self.place(steps + [column, row])  # noqa: RUF005 - a sum of coordinates
        lon, lat = self._geodesy.lonlat(placed[:, 0], placed[:, 1])
        along, down, one, other = self._geodesy.geod.inv(lon[::2], lat[::2], lon[1::2], lat[1::2])[2]
        # The squared diagonals differ by four times the scalar product of the sides.
        lean = (one**2 - other**2) / (4 * along)
        return np.array([[along, lean], [0, np.sqrt(max(down**2 - lean**2, 0))]])
