"""Place faces on the map and measure their areas."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely
from odc.geo.geobox import GeoBox

from geoseg.rasters.ground import Geodesy, crs_of, ground_sample_distance, ground_steps, place
from geoseg.vectors.densify import densify

from .rings import Faces

Places = npt.NDArray[np.float64]

LONGEST_M = 1000.0
"""Longest segment of a straight line in the CRS on the ellipsoid: a geodesic of this length deviates by 3 cm."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Grid of a raster, on which its faces are placed."""

    geobox: GeoBox

    @cached_property
    def _geodesy(self) -> Geodesy:
        return Geodesy(crs=crs_of(self.geobox))

    @cached_property
    def longest(self) -> float:
        """`LONGEST_M` in units of the CRS."""
        t = self.geobox.transform
        down_m, along_m = ground_sample_distance(self.geobox)
        return LONGEST_M * float(min(np.hypot(t.a, t.d) / along_m, np.hypot(t.b, t.e) / down_m))

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
        """Return the area of each face on the ellipsoid `(faces,)`, without its holes."""
        places, start = densify(place(self.geobox.transform, faces.points), faces.ring_start, self.longest)
        lon, lat = self._geodesy.lonlat(places[:, 0], places[:, 1])
        measure = self._geodesy.geod.polygon_area_perimeter
        rings = np.array([abs(measure(lon[a:b], lat[a:b])[0]) for a, b in pairwise(start.tolist())], np.float64)
        outer = faces.face_start[:-1]
        rings[outer] *= -1
        return -np.add.reduceat(rings, outer) if len(outer) else rings
