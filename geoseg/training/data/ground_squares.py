"""Blocks: squares of ground that divide one image between training and validation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from geoseg.rasters.ground import apply_affine, crs_of
from geoseg.tiling import Roi

Block = tuple[str, int, int]
"""Image name if it has no georeference, otherwise empty; easting and northing index of the square."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Layout of squares on the ground of an image."""

    name: str
    """Name of the image."""
    grid: GeoBox | None
    """Its pixel grid; None without georeference."""
    gsd_m: float
    crs: CRS | None
    """Projected CRS of the squares, shared by all images of a data set."""
    side_m: float

    def numbers(
        self, rows: npt.NDArray[np.float64], cols: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Easting and northing index of the square at each position of the grid, in the arrays' broadcast shape."""
        rows, cols = np.broadcast_arrays(rows, cols)
        if self.grid is None or self.crs is None:
            side = self.side_m / self.gsd_m
            return np.floor(cols / side).astype(np.int64), np.floor(rows / side).astype(np.int64)
        x, y = apply_affine(self.grid.transform, cols, rows)
        if crs_of(self.grid) != self.crs:
            x, y = Transformer.from_crs(crs_of(self.grid), self.crs, always_xy=True).transform(x, y)
        side = self.side_m / self.crs.axis_info[0].unit_conversion_factor
        return np.floor(x / side).astype(np.int64), np.floor(y / side).astype(np.int64)

    @property
    def _owner(self) -> str:
        return self.name if self.crs is None else ""

    def blocks(self, shape: tuple[int, int]) -> set[Block]:
        """Find the squares hit by a fine lattice of points on an image of `shape`, and by the centres of their pixels.

        A sliver of a square at the edge may hold a point and no centre: none of its pixels could be held out.
        """
        step = max(1.0, min(self.side_m / self.gsd_m, *shape) / 8)
        rows, cols = np.ogrid[step / 2 : shape[0] : step, step / 2 : shape[1] : step]
        return self._hit(rows, cols) & self._hit(np.floor(rows) + 0.5, np.floor(cols) + 0.5)

    def _hit(self, rows: npt.NDArray[np.float64], cols: npt.NDArray[np.float64]) -> set[Block]:
        squares = np.stack(self.numbers(rows, cols), -1).reshape(-1, 2)
        return {(self._owner, int(x), int(y)) for x, y in np.unique(squares, axis=0)}

    def inside(self, chosen: frozenset[Block], roi: Roi) -> npt.NDArray[np.bool_]:
        """Mask `(rows, columns)` the pixels of a region whose centres are in one of the chosen squares."""
        rows, cols = np.ogrid[roi[0], roi[1]]
        across, up = self.numbers(rows + 0.5, cols + 0.5)
        corner = across.min(), up.min()
        table = np.zeros((across.max() - corner[0] + 1, up.max() - corner[1] + 1), bool)
        for x, y in np.ndindex(*table.shape):
            table[x, y] = (self._owner, int(x + corner[0]), int(y + corner[1])) in chosen
        inside: npt.NDArray[np.bool_] = table[across - corner[0], up - corner[1]]
        return inside


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """Training or validation side of a split by squares of ground."""

    ground: Ground
    held_out: frozenset[Block]
    training: bool
    """All squares except those held out; otherwise only the held-out squares."""

    def contains(self, roi: Roi) -> npt.NDArray[np.bool_]:
        """Mask `(rows, columns)` the pixels of a region on this side of the split."""
        inside = self.ground.inside(self.held_out, roi)
        return ~inside if self.training else inside
