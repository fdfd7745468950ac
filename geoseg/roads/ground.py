"""From pixels of a grid to places on the Earth, and the lengths between them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
from rasterio import Affine

from geoseg.geodesy import Geodesy


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A grid's placement: affine transform and CRS."""

    transform: Affine
    """From (column, row), whole numbers at pixel corners, to the CRS's x and y."""

    crs: pyproj.CRS

    @cached_property
    def _geodesy(self) -> Geodesy:
        return Geodesy(crs=self.crs)

    def place(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return x and y in the CRS of points `(n, 2)` given as column and row."""
        column, row = points[:, 0], points[:, 1]
        t = self.transform
        return np.column_stack([t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f])

    def step_lengths(self, line: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the geodesic metres `(n - 1,)` between consecutive points `(n, 2)` in the CRS."""
        lon, lat = self._geodesy.lonlat(line[:, 0], line[:, 1])
        lengths: npt.NDArray[np.float64] = self._geodesy.geod.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2]
        return lengths

    def metric(self, column: float, row: float) -> npt.NDArray[np.float64]:
        """Return the matrix `(2, 2)` that takes a small step (columns, rows) at a place to metres east and north."""
        cross = np.array([[column - 0.5, row], [column + 0.5, row], [column, row - 0.5], [column, row + 0.5]])
        placed = self.place(cross)
        lon, lat = self._geodesy.lonlat(placed[:, 0], placed[:, 1])
        azimuth, _, metres = self._geodesy.geod.inv(lon[[0, 2]], lat[[0, 2]], lon[[1, 3]], lat[[1, 3]])
        heading = np.radians(azimuth)
        steps: npt.NDArray[np.float64] = np.stack([np.sin(heading), np.cos(heading)]) * metres
        return steps


def ground(transform: Affine, crs: Any) -> Ground:  # noqa: ANN401 - whatever pyproj or rasterio calls a CRS
    """Return the placement of a grid whose CRS is anything that pyproj can read."""
    return Ground(transform=transform, crs=pyproj.CRS.from_user_input(crs))
