"""Pixel grids on the ground, and those over the extent of a raster at another ground sample distance (GSD)."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from affine import Affine
from pyproj import CRS

from geoseg.models.bundle import Card

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

SAME_GSD = 0.05
"""A raster whose GSD differs by at most this fraction is not resampled: that would only blur it."""

Shape = tuple[int, int]
"""Rows and columns."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A georeferenced pixel grid, for use before a scene is read: odc-geo imports Dask, which takes 0.15 s."""

    shape: Shape
    transform: Affine
    """From columns and rows, (0, 0) at the outer corner of the first pixel, to the map."""
    crs: CRS

    @cached_property
    def geobox(self) -> "GeoBox":
        """The same grid, to cut and to compare."""
        from odc.geo.geobox import GeoBox

        return GeoBox(self.shape, self.transform, self.crs)


def choose_gsd(card: Card, found_m: tuple[float, float]) -> float:
    """Ground sample distance at which a model sees a raster of `found_m`, down and along.

    That is the raster's own, the geometric mean if its pixels are not square, or the end of the model's range that is
    nearest to it.
    """
    finest, coarsest = card.gsd_range_m or (card.gsd_m, card.gsd_m)
    return min(max(float(f"{math.sqrt(math.prod(found_m)):.6g}"), finest), coarsest)


def scaled_shape(shape: Shape, factors: tuple[float, float]) -> Shape:
    """Multiply rows and columns by a factor each, rounded to whole pixels, at least one."""
    rows, cols = (max(1, round(size * factor)) for size, factor in zip(shape, factors, strict=True))
    return rows, cols


def shape_at(gsd_m: float, shape: Shape, found_m: tuple[float, float]) -> Shape:
    """Shape of the grid of `gsd_m` over a raster whose GSD is `found_m`; the same shape within `SAME_GSD`."""
    down, along = (found / gsd_m for found in found_m)
    return shape if max(abs(down - 1), abs(along - 1)) <= SAME_GSD else scaled_shape(shape, (down, along))


def grid_at(gsd_m: float, grid: Grid, found_m: tuple[float, float]) -> Grid:
    """Grid of about `gsd_m` with extent and orientation of a raster's own `grid`, whose GSD is `found_m`.

    To keep the GSD exactly would move the outer edges, by up to a pixel.
    """
    shape = shape_at(gsd_m, grid.shape, found_m)
    if shape == grid.shape:
        return grid
    down, along = (native / worked for native, worked in zip(grid.shape, shape, strict=True))
    return replace(grid, shape=shape, transform=grid.transform @ Affine.scale(along, down))
