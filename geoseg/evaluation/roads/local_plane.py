"""A local projection in metres for networks in any CRS."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import AzimuthalEquidistantConversion

from geoseg.errors import DataError
from geoseg.rasters.ground import Geodesy, geodetic_of
from geoseg.vectors.project import project

from .noding import Points


@dataclass(frozen=True, kw_only=True)
class Plane:
    """An azimuthal equidistant projection.

    Length errors are 10 ppm at 50 km from the centre, and 0.1 % at 500 km.
    """

    crs: pyproj.CRS

    @cached_property
    def _geodesy(self) -> Geodesy:
        return Geodesy(crs=self.crs)

    def project(self, lines: npt.NDArray[np.object_], crs: pyproj.CRS, name: str) -> npt.NDArray[np.object_]:
        """Project lines `(lines,)` of the file `name`; DataError if some are outside the domain of their CRS."""
        projected = project(lines, crs, self.crs)
        if not np.isfinite(shapely.get_coordinates(projected)).all():
            raise DataError(f"{name} has lines outside the domain of its CRS, {crs.name}; assign the right CRS.")
        return projected

    def lengths(self, lines: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
        """Return the geodesic lengths `(lines,)` in metres."""
        points, owner = shapely.get_coordinates(lines, return_index=True)
        step = self._geodesy.step_lengths(points) if len(points) else np.zeros(0)
        same = owner[1:] == owner[:-1]
        lengths = np.zeros(len(lines))
        np.add.at(lengths, owner[1:][same], step[same])
        return lengths


def plane_around(lines: npt.NDArray[np.object_], crs: pyproj.CRS) -> Plane:
    """Centre a plane on lines, on the datum of their CRS, or WGS 84."""
    points = shapely.get_coordinates(lines)
    lon, lat = _centre(crs, points) if len(points) else (0.0, 0.0)
    conversion = AzimuthalEquidistantConversion(latitude_natural_origin=lat, longitude_natural_origin=lon)
    projected = ProjectedCRS(conversion=conversion, geodetic_crs=geodetic_of(crs))
    return Plane(crs=pyproj.CRS.from_wkt(projected.to_wkt()))


def _centre(crs: pyproj.CRS, points: Points) -> tuple[float, float]:
    """Return the longitude and latitude of the mean direction from the Earth's centre: safe at the antimeridian."""
    lon, lat = (np.radians(each) for each in Geodesy(crs=crs).lonlat(points[:, 0], points[:, 1]))
    known = np.isfinite(lon)
    directions = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])[:, known]
    x, y, z = directions.mean(axis=1) if known.any() else (1.0, 0.0, 0.0)
    return float(np.degrees(np.arctan2(y, x))), float(np.degrees(np.arctan2(z, np.hypot(x, y))))
