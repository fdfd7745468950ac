"""From a CRS to degrees on its own ellipsoid, and the lengths between places there."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pyproj import CRS, Geod, Transformer


@dataclass(frozen=True, kw_only=True)
class Geodesy:
    """The ellipsoid under a CRS.

    Places stay on the CRS's own datum: a shift to another would cost accuracy and not change a length worth naming.
    """

    crs: CRS

    @cached_property
    def geod(self) -> Geod:
        """The ellipsoid; WGS 84 where the CRS names none."""
        return self.crs.get_geod() or Geod(ellps="WGS84")

    @cached_property
    def _geodetic(self) -> CRS:
        return (self.crs.geodetic_crs or CRS.from_epsg(4326)).to_2d()

    @cached_property
    def _to_geodetic(self) -> Transformer:
        return Transformer.from_crs(self.crs.to_2d(), self._geodetic, always_xy=True)

    def lonlat(self, x: Any, y: Any) -> tuple[Any, Any]:  # noqa: ANN401 - numbers or arrays of them
        """Longitude and latitude in degrees of x and y; infinite where the CRS is not defined."""
        # Some national systems count in grads.
        degrees = math.degrees(self._geodetic.axis_info[0].unit_conversion_factor)
        lon, lat = self._to_geodetic.transform(x, y)
        return lon * degrees, lat * degrees
