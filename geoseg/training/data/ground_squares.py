"""Blocks: squares of ground that divide one image between training, validation and calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

from geoseg.rasters.grid import Grid
from geoseg.rasters.ground import crs_of, ground_areas, place_in
from geoseg.tiling import Roi

_NORTH_POLE, _SOUTH_POLE = 5041, 5042
"""WGS 84 / UPS (E,N), beyond the zones of UTM."""
SAME_SCALE = 0.01
"""Tolerated error of a projection's scale: squares of 500 m on the map count as 500 m on the ground."""

Side = Literal["training", "validation", "calibration"]
Block = tuple[str, int, int]
"""Image name if it has no georeference, otherwise empty; easting and northing index of the square."""


@dataclass(frozen=True, kw_only=True)
class Squares:
    """Squares of ground, shared by all georeferenced images of a data set."""

    crs: CRS
    """Projected CRS."""
    side: float
    """Side in units of the CRS."""


def lay_squares(grids: Sequence[GeoBox], side_m: float) -> Squares:
    """Lay squares of `side_m` metres on the ground of images with a CRS: in Web Mercator they are larger on the map.

    The images agree on the squares, so these have exactly that side only where the projection's scale is the median of
    those in the middle of each image.
    """
    crs = _projected_crs(grids[0])
    unit_m = crs.axis_info[0].unit_conversion_factor
    ground_m = np.sqrt(ground_areas(Grid(shape=(1, 1), transform=Affine.identity(), crs=crs), _middles(grids, crs)))
    found_m = float(np.nanmedian(ground_m)) if np.isfinite(ground_m).any() else unit_m
    is_true = abs(found_m / unit_m - 1) <= SAME_SCALE
    return Squares(crs=crs, side=side_m / (unit_m if is_true else found_m))


def _middles(grids: Sequence[GeoBox], crs: CRS) -> npt.NDArray[np.float64]:
    """Find x and y `(n, 2)` of the middle of each grid in a CRS."""
    return np.array([place_in(crs, grid, grid.shape[1] / 2, grid.shape[0] / 2) for grid in grids])


def _projected_crs(grid: GeoBox) -> CRS:
    """Choose the CRS of the squares: the grid's own if projected, else its UTM zone, or the polar stereographic one."""
    crs = crs_of(grid)
    if crs.is_projected:
        return crs
    bounds = grid.boundingbox
    to_lonlat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform((bounds.left + bounds.right) / 2, (bounds.bottom + bounds.top) / 2)
    zones = query_utm_crs_info("WGS 84", AreaOfInterest(lon, lat, lon, lat))
    return CRS.from_epsg(int(zones[0].code) if zones else _NORTH_POLE if lat > 0 else _SOUTH_POLE)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Layout of squares on the ground of an image."""

    name: str
    """Name of the image."""
    grid: GeoBox | None
    """Its pixel grid; None without georeference."""
    squares: Squares | None
    """None without georeference: then they start at the image's first pixel."""
    side_px: tuple[float, float]
    """Height and width of a square in pixels of the grid; roughly, with georeference."""

    def numbers(
        self, rows: npt.NDArray[np.float64], cols: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Easting and northing index of the square at each position of the grid, in the arrays' broadcast shape."""
        rows, cols = np.broadcast_arrays(rows, cols)
        if self.grid is None or self.squares is None:
            height, width = self.side_px
            return np.floor(cols / width).astype(np.int64), np.floor(rows / height).astype(np.int64)
        x, y = place_in(self.squares.crs, self.grid, cols, rows)
        return np.floor(x / self.squares.side).astype(np.int64), np.floor(y / self.squares.side).astype(np.int64)

    @property
    def _owner(self) -> str:
        return self.name if self.squares is None else ""

    def blocks(self, shape: tuple[int, int]) -> set[Block]:
        """Find the squares hit by a fine lattice of points on an image of `shape`, and by the centres of their pixels.

        A sliver of a square at the edge may hold a point and no centre: none of its pixels could be held out.
        """
        step = max(1.0, min(*self.side_px, *shape) / 8)
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
class HeldOut:
    """Squares that are not trained on."""

    validation: frozenset[Block]
    calibration: frozenset[Block]

    @property
    def all(self) -> frozenset[Block]:
        """Squares of both."""
        return self.validation | self.calibration

    def of(self, side: Literal["validation", "calibration"]) -> frozenset[Block]:
        """Squares of one side."""
        return self.validation if side == "validation" else self.calibration


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """One side of a split by squares of ground."""

    ground: Ground
    held_out: HeldOut
    side: Side

    def contains(self, roi: Roi) -> npt.NDArray[np.bool_]:
        """Mask `(rows, columns)` the pixels of a region on this side of the split."""
        if self.side == "training":
            return ~self.ground.inside(self.held_out.all, roi)
        return self.ground.inside(self.held_out.of(self.side), roi)
