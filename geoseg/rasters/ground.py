"""CRS of rasters, and ground sample distances, areas and lengths on the ellipsoid."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import CRS, Geod, Transformer
from rasterio.io import DatasetReader

from geoseg.errors import SceneError

from .grid import Grid
from .opening.open import usable_crs

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

Coordinates = npt.NDArray[Any]

LONGEST_M = 1000.0
"""Longest segment of a straight line in a CRS on the ellipsoid: a geodesic of this length deviates by 3 cm."""
MAP_SCALE_ERROR = 2e-3
"""Tolerated scale error of a projection: pixels of 1 m on the map count as 1 m on the ground."""
_FINEST_M = 1e-3
"""Pixels of longitude and latitude, taken for metres, are smaller; those of imagery hardly."""
_CYLINDRICAL = ("Popular Visualisation Pseudo Mercator",)
"""Projections whose x is the longitude in radians times the semi-major axis."""


@dataclass(frozen=True, kw_only=True)
class Geodesy:
    """The ellipsoid of a CRS.

    Coordinates stay on the CRS's own datum, since a datum shift would cost accuracy and hardly change a length.
    """

    crs: CRS

    @cached_property
    def geod(self) -> Geod:
        """WGS 84 if the CRS has no ellipsoid."""
        return self.crs.get_geod() or Geod(ellps="WGS84")

    @cached_property
    def _geodetic(self) -> CRS:
        return geodetic_of(self.crs)

    @cached_property
    def _to_geodetic(self) -> Transformer:
        return Transformer.from_crs(self.crs.to_2d(), self._geodetic, always_xy=True)

    def lonlat(self, x: Any, y: Any) -> tuple[Any, Any]:  # noqa: ANN401 - numbers or arrays of them
        """Longitude and latitude in degrees; infinite where the CRS is not defined."""
        # Some national systems use grads.
        degrees = math.degrees(self._geodetic.axis_info[0].unit_conversion_factor)
        lon, lat = self._to_geodetic.transform(x, y)
        return lon * degrees, lat * degrees

    def checked_lonlat(self, points: npt.NDArray[np.float64]) -> tuple[Any, Any]:
        """Longitude and latitude in degrees `(n,)` of points `(n, 2)`; SceneError where the CRS is not defined."""
        lon, lat = self.lonlat(points[:, 0], points[:, 1])
        undefined = np.flatnonzero(~np.isfinite(lon) | ~np.isfinite(lat))
        if undefined.size:
            x, y = points[undefined[0]]
            raise SceneError(
                f"{x:,.0f}, {y:,.0f} is not a place on Earth in the CRS {self.crs.name}; crop the raster, or set its "
                "pixels outside the map to NoData."
            )
        return lon, lat

    def step_lengths(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Metres `(n - 1,)` on the ellipsoid between consecutive points `(n, 2)` in the CRS.

        SceneError where the CRS is not defined.
        """
        lon, lat = self.checked_lonlat(points)
        lengths: npt.NDArray[np.float64] = self.geod.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2]
        return lengths


def geodetic_of(crs: CRS) -> CRS:
    """Longitude and latitude on the datum of a CRS, or WGS 84: with a rotated pole, those of the Earth."""
    geodetic = crs.geodetic_crs or CRS.from_epsg(4326)
    base = geodetic.source_crs if geodetic.is_derived else None
    return (base or geodetic).to_2d()


def grid_of(raster: DatasetReader) -> Grid:
    """Grid of a georeferenced raster; raises errors of PROJ and rasterio, see `usable_crs`."""
    return Grid(shape=raster.shape, transform=raster.transform, crs=CRS.from_wkt(raster.crs.to_wkt()))


def corners(grid: "Grid | GeoBox") -> npt.NDArray[np.float64]:
    """X and y `(4, 2)` of the corners of a grid."""
    rows, cols = grid.shape
    return place(grid.transform, np.array([[0, 0], [cols, 0], [cols, rows], [0, rows]]))


def crs_of(grid: "Grid | GeoBox") -> CRS:
    """CRS of a georeferenced grid."""
    if grid.crs is None:
        raise ValueError("the grid has no CRS.")
    return grid.crs if isinstance(grid, Grid) else grid.crs.proj


def crs_name(crs: CRS) -> str:
    """Return the EPSG code of a CRS as `EPSG:32633`, or else its name."""
    return f"EPSG:{code}" if (code := crs.to_epsg()) else crs.name


def ground_sample_distance(grid: "Grid | GeoBox") -> tuple[float, float]:
    """Metres on the ellipsoid between pixel centres in the middle of `grid`: down a column, along a row.

    Geographic, Web Mercator and foot-based systems need no special case. NaN where the CRS is not defined.
    """
    down, along = ground_steps(grid, _middle(grid))[0]
    return float(np.hypot(*down)), float(np.hypot(*along))


def checked_gsd(name: str, grid: "Grid | GeoBox") -> tuple[float, float]:
    """`ground_sample_distance` of the raster `name`; SceneError if its CRS is unusable or not defined."""
    with usable_crs(name):
        gsd_m = ground_sample_distance(grid)
    if not all(0 < step < math.inf for step in gsd_m):
        raise SceneError(f"{name} has its centre where its CRS is not defined; check its georeference.")
    if max(gsd_m) < _FINEST_M and _may_be_degrees(grid):
        raise SceneError(
            f"{name} has pixels of {max(gsd_m):.1g} m in its CRS, which is projected, but coordinates as in degrees; "
            "assign the CRS of its coordinates (`gdal_translate -a_srs EPSG:4326`)."
        )
    return gsd_m


def _may_be_degrees(grid: "Grid | GeoBox") -> bool:
    """Whether a grid has a projected CRS, and corners that could be longitudes and latitudes."""
    x, y = np.abs(corners(grid)).max(axis=0)
    return bool(crs_of(grid).is_projected and x <= 360 and y <= 90)


def longest_segment(transform: Affine, gsd_m: tuple[float, float]) -> float:
    """`LONGEST_M` in units of the CRS of a grid; `gsd_m` are metres down a column and along a row."""
    down_m, along_m = gsd_m
    along, down = math.hypot(transform.a, transform.d), math.hypot(transform.b, transform.e)
    return LONGEST_M * min(along / along_m, down / down_m)


def ground_area(grid: "Grid | GeoBox") -> float:
    """Area in m² of the pixel in the middle of `grid`, shear included."""
    return float(ground_areas(grid, _middle(grid))[0])


def ground_areas(grid: "Grid | GeoBox", points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Areas in m² `(n,)` of pixels at `points` `(n, 2)`, column and row; NaN where the CRS is not defined."""
    down, along = np.moveaxis(ground_steps(grid, points), 1, 0)
    return np.asarray(np.abs(down[:, 0] * along[:, 1] - down[:, 1] * along[:, 0]))


def _middle(grid: "Grid | GeoBox") -> npt.NDArray[np.float64]:
    rows, cols = grid.shape
    return np.array([[cols / 2, rows / 2]])


def ground_steps(grid: "Grid | GeoBox", points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Metres east and north `(n, 2, 2)` of a step down a column and of one along a row, on the ellipsoid.

    They start at `points` `(n, 2)`, column and row. NaN where the CRS is not defined.
    """
    crs = crs_of(grid)
    if crs.get_geod() is None or crs.geodetic_crs is None:
        return np.full((len(points), 2, 2), np.nan)
    below, right = points + np.array([0, 1]), points + np.array([1, 0])
    placed = place(grid.transform, np.concatenate([points, below, right]))
    geodesy = Geodesy(crs=crs)
    lon, lat = (each.reshape(3, -1) for each in geodesy.lonlat(placed[:, 0], placed[:, 1]))
    undefined = ~(np.isfinite(lon) & np.isfinite(lat)).all(axis=0)
    lon[:, undefined], lat[:, undefined] = 0, 0
    steps = np.full((len(points), 2, 2), np.nan)
    for k in (0, 1):
        azimuth, _, metres = geodesy.geod.inv(lon[0], lat[0], lon[k + 1], lat[k + 1])
        steps[:, k] = np.column_stack([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))]) * metres[:, None]
    steps[undefined] = np.nan
    return steps


def turn_of(crs: CRS) -> float | None:
    """Width of a turn around the Earth along x, in units of the CRS; None where x does not follow the longitude.

    Longitudes may be counted from -180° or from 0°, and exceed 180° where a raster crosses the antimeridian.
    """
    projected = crs.coordinate_operation
    if crs.is_geographic:
        return 2 * math.pi / crs.axis_info[0].unit_conversion_factor
    if projected is None or projected.method_name not in _CYLINDRICAL or (geod := crs.get_geod()) is None:
        return None
    return 2 * math.pi * geod.a / crs.axis_info[0].unit_conversion_factor


def turn_to(x: Coordinates, middle: float, turn: float | None) -> Coordinates:
    """Move x by whole turns, as `turn_of` returns them, to within half a turn of `middle`."""
    return x if turn is None else x - turn * np.rint((x - middle) / turn)


def turns_between(moved: tuple[float, float], still: tuple[float, float], turn: float) -> list[float]:
    """Return those of 0, -`turn` and `turn` that move a span of x to where it overlaps another; [0] if none does."""
    turns = (0.0, -turn, turn)
    return [each for each in turns if moved[0] + each <= still[1] and moved[1] + each >= still[0]] or [0.0]


def apply_affine(transform: Affine, x: Coordinates, y: Coordinates) -> tuple[Coordinates, Coordinates]:
    """Apply a transform to x and y, arrays of one shape; Affine's operators are typed for single points."""
    return transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f


def place_in(crs: CRS, grid: "Grid | GeoBox", cols: Coordinates, rows: Coordinates) -> tuple[Coordinates, Coordinates]:
    """Convert columns and rows of a grid to x and y in a CRS; infinite where one of the two CRSs is not defined."""
    x, y = apply_affine(grid.transform, cols, rows)
    if crs != crs_of(grid):
        x, y = Transformer.from_crs(crs_of(grid), crs, always_xy=True).transform(x, y)
    return x, y


def place(transform: Affine, points: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Apply a transform to points `(n, 2)`, given as x and y or as column and row."""
    return np.column_stack(apply_affine(transform, *np.asarray(points, np.float64).T))
