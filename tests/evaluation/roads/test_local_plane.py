"""The plane measures metres anywhere on Earth."""

import numpy as np
import pyproj
import pytest
import shapely

from geoseg.errors import DataError
from geoseg.evaluation.roads.local_plane import plane_around

WGS84 = pyproj.CRS("EPSG:4326")
ROTATED = "+proj=ob_tran +o_proj=longlat +o_lon_p=-162 +o_lat_p=39.25 +lon_0=180 +datum=WGS84"


@pytest.mark.parametrize(("lon", "lat"), [(13, 52), (-115, 36), (179.999, -17), (25, 78), (0, 0)])
def test_lengths_are_those_on_the_ellipsoid(lon, lat):
    """Around its centre, on the antimeridian too, lengths in the plane are geodesic to one part in a million."""
    east = (lon + 0.004 + 180) % 360 - 180
    lines = np.array(
        [shapely.LineString([(lon, lat), (lon, lat + 0.003)]), shapely.LineString([(east, lat), (east, lat + 0.001)])]
    )
    plane = plane_around(lines, WGS84)
    placed = plane.project(lines, WGS84, "truth")
    geod = pyproj.Geod(ellps="WGS84")
    expected = [geod.geometry_length(line) for line in lines]
    assert shapely.length(placed) == pytest.approx(expected, rel=1e-6)
    assert plane.lengths(placed) == pytest.approx(expected, rel=1e-9)
    apart = geod.inv(lon, lat, east, lat)[2]
    assert shapely.distance(shapely.get_point(placed[0], 0), shapely.get_point(placed[1], 0)) == pytest.approx(
        apart, rel=1e-6
    )


@pytest.mark.parametrize("code", [32633, 3857, 3035, 2263, 27561, ROTATED])
def test_any_crs_ends_in_the_same_plane(code):
    """In metres, feet, degrees from Paris or about a rotated pole, the same lines have the same lengths."""
    place = {2263: (-74.0, 40.7), 27561: (2.3, 49.5)}.get(code, (13.0, 52.0))
    lines = np.array([shapely.LineString([place, (place[0] + 0.01, place[1] + 0.01)])])
    crs = pyproj.CRS(code)
    transformer = pyproj.Transformer.from_crs(WGS84, crs, always_xy=True)
    moved = shapely.transform(lines, lambda points: np.column_stack(transformer.transform(*points.T)))
    length = pyproj.Geod(ellps="WGS84").geometry_length(lines[0])
    assert shapely.length(plane_around(moved, crs).project(moved, crs, "truth"))[0] == pytest.approx(length, rel=1e-4)


def test_what_is_not_on_the_earth():
    """Coordinates outside the domain of a CRS are refused."""
    line = np.array([shapely.LineString([(0, 0), (1, 1)])])
    beyond = np.array([shapely.LineString([(0, 0), (1, 95)])])
    with pytest.raises(DataError, match=r"a\.shp has lines outside the domain of its CRS, WGS 84"):
        plane_around(line, WGS84).project(beyond, WGS84, "a.shp")
