from itertools import pairwise

import numpy as np
import pytest
import rasterio
import shapely
from odc.geo.geobox import GeoBox
from pyproj import CRS, Geod, Transformer

from geoseg.errors import SceneError
from geoseg.polygons.placement import Placement
from geoseg.polygons.rings import Faces

RING = np.array([[0, 0], [0, 100], [100, 100], [100, 0], [0, 0]], np.int32)
HOLE = np.array([[20, 20], [40, 20], [40, 60], [20, 60], [20, 20]], np.int32)


def square(*rings):
    """Return one face, with a ring for each array of lattice points."""
    start = np.cumsum([0, *(len(ring) for ring in rings)])
    points = np.concatenate(rings)
    return Faces(value=np.zeros(1, np.uint16), points=points, ring_start=start, face_start=np.array([0, len(rings)]))


def placement(crs, transform):
    return Placement(geobox=GeoBox((100, 100), transform, crs))


NORTH_UP = rasterio.Affine(10, 0, 500_000, 0, -10, 6_500_000)


@pytest.mark.parametrize(
    "transform",
    [
        NORTH_UP,
        rasterio.Affine(10, 0, 500_000, 0, 10, 6_500_000),
        NORTH_UP @ rasterio.Affine.rotation(33),
        NORTH_UP @ rasterio.Affine.scale(0.3, 2),
        NORTH_UP @ rasterio.Affine.shear(20, 0),
    ],
)
def test_polygons_follow_the_transform(transform):
    """On any grid, lattice points are transformed and outer rings are counter-clockwise."""
    (polygon,) = placement("EPSG:32633", transform).polygons(square(RING, HOLE))
    corners = [transform @ tuple(map(float, point)) for point in RING]
    expected = shapely.Polygon(corners, [[transform @ tuple(map(float, point)) for point in HOLE]])
    assert polygon.equals(expected)
    assert polygon.area == pytest.approx(expected.area)
    assert shapely.is_ccw(polygon.exterior)
    assert not shapely.is_ccw(polygon.interiors[0])


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:32633", NORTH_UP),
        ("EPSG:32633", NORTH_UP @ rasterio.Affine.rotation(33)),
        ("EPSG:3857", rasterio.Affine(20, 0, 1_000_000, 0, -20, 8_000_000)),
        ("EPSG:4326", rasterio.Affine(0.001, 0, 15, 0, -0.001, 60)),
        ("EPSG:2263", rasterio.Affine(3, 0, 980_000, 0, -3, 200_000)),
    ],
)
def test_areas_are_those_of_an_equal_area_projection(crs, transform):
    """Areas on the ellipsoid agree with those of densified outlines in an equal-area projection, to a millionth."""
    place = placement(crs, transform)
    faces = square(RING, HOLE)
    (polygon,) = place.polygons(faces)
    source = CRS.from_user_input(crs)
    centre = Transformer.from_crs(source, source.geodetic_crs, always_xy=True).transform(*polygon.centroid.coords[0])
    a, b = source.ellipsoid.semi_major_metre, source.ellipsoid.semi_minor_metre
    # The transform between the two must not shift the datum: both are on the same ellipsoid.
    flat = CRS.from_dict({"proj": "laea", "lon_0": centre[0], "lat_0": centre[1], "a": a, "b": b})
    lonlat = CRS.from_dict({"proj": "longlat", "a": a, "b": b})
    to_lonlat = Transformer.from_crs(source, source.geodetic_crs, always_xy=True)
    to_flat = Transformer.from_crs(lonlat, flat, always_xy=True)
    fine = shapely.segmentize(polygon, polygon.length / 4000)
    expected = shapely.transform(
        fine, lambda xy: np.column_stack(to_flat.transform(*to_lonlat.transform(xy[:, 0], xy[:, 1])))
    )
    assert place.areas_m2(faces)[0] == pytest.approx(expected.area, rel=1e-6)


def test_long_straight_borders_are_followed():
    """Borders along parallels are not geodesics: the area is that of the zone of the ellipsoid."""
    place = placement("EPSG:4326", rasterio.Affine(0.2, 0, 0, 0, -0.1, 60))
    zone = [(lon, lat) for lat, lons in ((60, (0, 20)), (50, (20, 0))) for lon in np.linspace(*lons, 20_001)]
    expected = abs(Geod(ellps="WGS84").polygon_area_perimeter(*zip(*zone, strict=True))[0])
    assert place.areas_m2(square(RING))[0] == pytest.approx(expected, rel=1e-6)


def test_pixels_off_the_map_have_no_area():
    """In the corners of a world map, where the CRS has no places, one sentence says so."""
    place = placement("ESRI:54009", rasterio.Affine(360_000, 0, -18_000_000, 0, -180_000, 9_000_000))
    with pytest.raises(SceneError, match="-18,000,000, 9,000,000 is not a place on Earth in the CRS World_Mollweide"):
        place.areas_m2(square(RING))
    assert place.areas_m2(square(HOLE[::-1]))[0] > 0


@pytest.mark.parametrize("rows", [145, 180])
@pytest.mark.parametrize("up", [False, True])
def test_areas_of_most_of_the_earth(rows, up):
    """Outlines and holes of more than half the Earth have their own area, not that of the rest."""
    north = 85 if rows == 145 else 90
    transform = rasterio.Affine(1, 0, -180, 0, 1, north - rows) if up else rasterio.Affine(1, 0, -180, 0, -1, north)
    place = Placement(geobox=GeoBox((rows, 360), transform, "EPSG:4326"))
    whole = np.array([[0, 0], [0, rows], [360, rows], [360, 0], [0, 0]], np.int32)
    large = np.array([[1, 1], [359, 1], [359, rows - 1], [1, rows - 1], [1, 1]], np.int32)
    geod, (low, high) = Geod(ellps="WGS84"), ((-60, 85) if rows == 145 else (-90, 90))

    def zone(west, south, east, north):
        parts = np.linspace(west, east, 5)
        return sum(
            abs(geod.polygon_area_perimeter(*outline(left, south, right, north))[0])
            for left, right in pairwise(parts.tolist())
        )

    def outline(west, south, east, north):
        along = np.linspace(west, east, 2001)
        return [*along, *along[::-1]], [south] * 2001 + [north] * 2001

    outer, hole = zone(-180, low, 180, high), zone(-179, low + 1, 179, high - 1)
    assert place.areas_m2(square(whole))[0] == pytest.approx(outer, rel=1e-6)
    assert place.areas_m2(square(whole, large))[0] == pytest.approx(outer - hole, rel=1e-5)
