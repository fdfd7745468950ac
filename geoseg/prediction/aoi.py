"""The area of interest of a prediction, in pixels of the grid."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.roi import roi_shape
from pyproj import Transformer
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from geoseg.errors import DataError, GeosegWarning, UsageError
from geoseg.rasters.ground import crs_of
from geoseg.rasters.open import unplaced
from geoseg.tiling import Roi
from geoseg.vectors.read import POLYGONAL, polygons_in, read_features

from .settings import Bounds


@dataclass(frozen=True, kw_only=True)
class Aoi:
    """The part of a grid to predict."""

    geometry: BaseGeometry
    """In pixels of the grid: x right, y down, (0, 0) at the outer corner of the first pixel."""
    roi: Roi
    """Rows and columns of the grid that contain it."""

    def outside(self, rows: slice, cols: slice) -> npt.NDArray[np.bool_]:
        """Pixels `(rows, columns)` of a region whose centre is outside the area."""
        transform = Affine.translation(cols.start, rows.start)
        with unplaced():
            mask: npt.NDArray[np.bool_] = geometry_mask([self.geometry], roi_shape((rows, cols)), transform)
        return mask


def read_aoi(source: Path | str | Bounds, grid: GeoBox) -> Aoi | None:
    """Project the polygons of a vector file, or bounds in degrees, to pixels of `grid`; None if they do not overlap it.

    A DataError reports an unreadable file, or one without CRS or polygons, a UsageError bounds out of order.
    """
    geometry, crs = _read_polygons(Path(source)) if isinstance(source, str | Path) else _box(source)
    geometry = _clip_near(grid, geometry, crs)
    if geometry.is_empty:
        return None
    # Long edges are densified first: a straight line in one CRS is a curve in another.
    west, south, east, north = geometry.bounds
    dense = shapely.segmentize(geometry, max(east - west, north - south, 1e-9) / 1000)
    project = Transformer.from_crs(crs, crs_of(grid), always_xy=True)
    to_pixels = ~grid.transform

    def pixels(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        x, y = project.transform(points[:, 0], points[:, 1])
        columns, rows = to_pixels @ (np.asarray(x), np.asarray(y))
        return np.column_stack([columns, rows])

    height, width = grid.shape
    projected = shapely.make_valid(shapely.transform(dense, pixels))
    inside = _polygonal(shapely.intersection(projected, shapely.box(0, 0, width, height)))
    if not inside.area:
        return None
    left, top, right, bottom = inside.bounds
    roi = (slice(int(top), min(height, int(np.ceil(bottom)))), slice(int(left), min(width, int(np.ceil(right)))))
    return Aoi(geometry=inside, roi=roi)


def _clip_near(grid: GeoBox, geometry: BaseGeometry, crs: str) -> BaseGeometry:
    """Clip to the surroundings of the grid: the grid's CRS may not be defined further away."""
    bounds = grid.boundingbox
    to_area = Transformer.from_crs(crs_of(grid), crs, always_xy=True)
    left, bottom, right, top = to_area.transform_bounds(bounds.left, bounds.bottom, bounds.right, bounds.top)
    if not (np.isfinite([left, bottom, right, top]).all() and left < right):  # over a pole or the antimeridian
        return geometry
    margin = max(right - left, top - bottom)
    return geometry.intersection(shapely.box(left - margin, bottom - margin, right + margin, top + margin))


def _box(bounds: Bounds) -> tuple[BaseGeometry, str]:
    west, south, east, north = bounds
    if not (-180 <= west <= 180 and -180 <= east <= 180 and west != east and -90 <= south < north <= 90):
        raise UsageError(
            f"`aoi` must be west, south, east, north in degrees, got {','.join(f'{value:g}' for value in bounds)}."
        )
    if west > east:  # across the antimeridian, as in RFC 7946
        return shapely.union(shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)), "EPSG:4326"
    return shapely.box(west, south, east, north), "EPSG:4326"


def _read_polygons(path: Path) -> tuple[BaseGeometry, str]:
    features = read_features(path, attributes=False)
    polygons, others = polygons_in(features.geometry.to_numpy())
    geometry = _polygonal(shapely.union_all(shapely.make_valid(polygons)))
    if not geometry.area:
        raise DataError(f"the area of interest {path} has no polygon.")
    if others:
        warnings.warn(
            f"{others} lines or points of the area of interest {path} have no area, and are left out.",
            GeosegWarning,
            stacklevel=4,
        )
    return geometry, features.crs.to_wkt()


def _polygonal(geometry: BaseGeometry) -> BaseGeometry:
    """Drop the lines and points in which polygons touch: GDAL would draw them."""
    if shapely.get_type_id(geometry) in POLYGONAL:
        return geometry
    return shapely.union_all(polygons_in(np.array([geometry]))[0])
