"""Grids over the extent of a raster at another ground sample distance (GSD)."""

from odc.geo.geobox import GeoBox

SAME_GSD = 0.05
"""A raster whose GSD differs by at most this fraction is not resampled: that would only blur it."""

Shape = tuple[int, int]
"""Rows and columns."""


def scaled_shape(shape: Shape, factors: tuple[float, float]) -> Shape:
    """Multiply rows and columns by a factor each, rounded to whole pixels, at least one."""
    rows, cols = (max(1, round(size * factor)) for size, factor in zip(shape, factors, strict=True))
    return rows, cols


def shape_at(gsd_m: float, shape: Shape, found_m: tuple[float, float]) -> Shape:
    """Shape of the grid of `gsd_m` over a raster whose GSD is `found_m`; the same shape within `SAME_GSD`."""
    down, along = (found / gsd_m for found in found_m)
    return shape if max(abs(down - 1), abs(along - 1)) <= SAME_GSD else scaled_shape(shape, (down, along))


def grid_at(gsd_m: float, geobox: GeoBox, found_m: tuple[float, float]) -> GeoBox:
    """Grid of about `gsd_m` with extent and orientation of a raster's own `geobox`.

    `GeoBox.zoom_out` would keep the GSD exactly and move the outer edges, by up to a pixel.
    """
    shape = shape_at(gsd_m, geobox.shape.yx, found_m)
    return geobox if shape == geobox.shape.yx else geobox.zoom_to(shape)
