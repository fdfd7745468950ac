"""Place faces on the map and measure their areas."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely
from odc.geo.geobox import GeoBox

from geoseg.rasters.ground import Geodesy, crs_of, ground_sample_distance, ground_steps, longest_segment, place
from geoseg.vectors.densify import densify

from .rings import Faces

Places = npt.NDArray[np.float64]
_FINE_M = 0.02
_NOTHING_M2 = 1.0
"""Areas of outlines of the whole Earth are so near to 0."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Grid of a raster, on which its faces are placed."""

    geobox: GeoBox

    @cached_property
    def _geodesy(self) -> Geodesy:
        return Geodesy(crs=crs_of(self.geobox))

    @cached_property
    def longest(self) -> float:
        """Longest segment that counts as straight, in units of the CRS."""
        return longest_segment(self.geobox.transform, ground_sample_distance(self.geobox))

    @cached_property
    def decimals(self) -> int:
        """Decimals of degrees that keep the corners of pixels apart: 7, or 9 for pixels of less than 2 cm."""
        return 7 if min(ground_sample_distance(self.geobox)) >= _FINE_M else 9

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
        parts = [slice(*ends) for ends in pairwise(start.tolist())]
        rings = np.array([measure(lon[part], lat[part])[0] for part in parts], np.float64)
        outer = faces.face_start[:-1]
        inside = np.full(len(rings), -1.0)  # holes run the other way round
        inside[outer] = 1
        rings *= inside * self._turn
        # Areas are those of a ring's smaller side, with the sign of its direction around that; 0 for the whole Earth.
        tall = np.array([np.ptp(lat[part]) > 90 for part in parts], np.bool_)
        other = (rings < -_NOTHING_M2) | (tall & (rings <= _NOTHING_M2))
        rings[other] += 2 * measure([0, 90, 180, -90], [0, 0, 0, 0])[0]
        return np.add.reduceat(rings * inside, outer) if len(outer) else rings

    @cached_property
    def _turn(self) -> float:
        """1 if outer rings are counter-clockwise on the ground, else -1."""
        rows, columns = self.geobox.shape
        down, along = self.ground(np.array([[columns / 2, rows / 2]]))[0]
        return -float(np.sign(along[0] * down[1] - along[1] * down[0]))
