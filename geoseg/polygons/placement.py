"""Place faces on the map and measure their areas."""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely
from odc.geo.geobox import GeoBox

from geoseg.rasters.ground import Geodesy, crs_of, ground_sample_distance, ground_steps, longest_segment, place
from geoseg.vectors.densify import densify
from geoseg.vectors.layers import DECIMALS

from .rings import Faces

Places = npt.NDArray[np.float64]
_DEGREE_M = 111_320.0
"""Length of a degree, at most."""
_STEP = 0.6
"""Step of the last decimal as a share of the least distance: rounding at both ends takes √2 of the step, at most."""
_NOTHING_M2 = 1.0
"""An area this near to 0 may be that of the whole Earth."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Grid of a raster, on which its faces are placed."""

    geobox: GeoBox
    apart: float = 1.0
    """Least distance from a corner of a border to another border, pixels."""

    @cached_property
    def _geodesy(self) -> Geodesy:
        return Geodesy(crs=crs_of(self.geobox))

    @cached_property
    def longest(self) -> float:
        """Longest segment that counts as straight, in units of the CRS."""
        return longest_segment(self.geobox.transform, ground_sample_distance(self.geobox))

    @cached_property
    def decimals(self) -> int:
        """Decimals of degrees that keep borders apart."""
        step_m = _STEP * self.apart * min(ground_sample_distance(self.geobox))
        return max(DECIMALS, math.ceil(math.log10(_DEGREE_M / step_m)))

    def ground(self, points: Places) -> Places:
        """Return the metres east and north of a step down a column and of one along a row `(n, 2, 2)`.

        `points` are lattice points `(n, 2)`; where the CRS is not defined, the steps are those of the raster's middle.
        """
        rows, columns = self.geobox.shape
        steps = ground_steps(self.geobox, np.append(points, [[columns / 2, rows / 2]], axis=0))
        undefined = ~np.isfinite(steps).all(axis=(1, 2))
        steps[undefined] = steps[-1]
        return steps[:-1]

    def polygons(self, faces: Faces) -> npt.NDArray[np.object_]:
        """Return the polygons of faces `(faces,)` in the CRS: outer rings counter-clockwise, holes clockwise."""
        offsets = (faces.ring_start, faces.face_start)
        points = place(self.geobox.transform, faces.points)
        polygons: npt.NDArray[np.object_] = shapely.from_ragged_array(shapely.GeometryType.POLYGON, points, offsets)
        # Where rows run up the map, rings are mirrored.
        return shapely.orient_polygons(polygons) if self.geobox.transform.determinant > 0 else polygons

    def areas_m2(self, faces: Faces) -> npt.NDArray[np.float64]:
        """Return the area of each face on the ellipsoid `(faces,)`, without its holes.

        SceneError for a face that extends to where the CRS is not defined.
        """
        places, start = densify(place(self.geobox.transform, faces.points), faces.ring_start, self.longest)
        lon, lat = self._geodesy.checked_lonlat(places)
        measure = self._geodesy.geod.polygon_area_perimeter
        rings = np.array([measure(lon[a:b], lat[a:b])[0] for a, b in pairwise(start.tolist())], np.float64)
        outer, first = faces.face_start[:-1], start[:-1]
        if not len(outer):
            return rings
        inside = np.full(len(rings), -1.0)  # holes run the other way round
        inside[outer] = 1
        rings *= inside * self._direction
        # Areas are those of a ring's smaller side, with the sign of its direction around that; 0 for the whole Earth.
        tall = np.maximum.reduceat(lat, first) - np.minimum.reduceat(lat, first) > 90
        other = (rings < -_NOTHING_M2) | (tall & (rings <= _NOTHING_M2))
        rings[other] += 2 * measure([0, 90, 180, -90], [0, 0, 0, 0])[0]
        areas: npt.NDArray[np.float64] = np.add.reduceat(rings * inside, outer)
        return areas

    @cached_property
    def _direction(self) -> float:
        """1 if outer rings are counter-clockwise on the ground, else -1."""
        rows, columns = self.geobox.shape
        down, along = self.ground(np.array([[columns / 2, rows / 2]]))[0]
        return -float(np.sign(along[0] * down[1] - along[1] * down[0]))
