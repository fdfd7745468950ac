"""Areas of interest: the same pixels as exact geometry, in time that is linear in the points of the polygons."""

import json

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from standins import warned

import geoseg
from geoseg.errors import DataError, MismatchError, UsageError
from geoseg.prediction.aoi import read_aoi
from geoseg.rasters.ground import apply_affine, turn_of

GRID = GeoBox((60, 80), Affine(1, 0, 500_000, 0, -1, 5_400_000), "EPSG:32633")
"""Pixel centres at halves."""
SQUARES = [shapely.box(10, 10, 30, 25), shapely.box(50, 40, 70, 55)]
ROAD = shapely.LineString([(0, 5), (80, 50)])


def on_ground(geometry):
    """Move a geometry from pixels of the grid to its CRS."""
    return shapely.transform(geometry, lambda points: points * (1, -1) + (500_000, 5_400_000))


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Read an area of interest that is given in pixels of the grid."""
    path = tmp_path_factory.mktemp("area") / "area.gpkg"

    def make(*geometries, crs="EPSG:32633"):
        geopandas.GeoSeries([on_ground(each) for each in geometries], crs="EPSG:32633").to_crs(crs).to_file(path)
        return read_aoi(path, GRID)

    return make


def inside(aoi):
    """Pixels of the grid in an area, none of which may be outside its bounds."""
    covered = ~aoi.outside(slice(0, 60), slice(0, 80))
    within = np.zeros_like(covered)
    within[aoi.roi] = True
    assert not (covered & ~within).any()
    return covered


def centres_in(*geometries):
    """Pixels whose centre is in any polygon, by the even-odd rule that shapely follows point by point."""
    columns, rows = np.meshgrid(np.arange(80) + 0.5, np.arange(60) + 0.5)
    return np.any([shapely.contains_xy(each, columns, rows) for each in geometries], axis=0)


def test_an_area_between_pixel_centres(read, monkeypatch):
    """An area may overlap the grid and contain no pixel, whatever its extent and however it is searched."""
    monkeypatch.setattr(geoseg.prediction.aoi, "_PIXELS", 100)
    assert read(*SQUARES).has_pixels
    assert not read(shapely.box(10.1, 10.1, 10.4, 10.4)).has_pixels
    assert not read(shapely.box(10, 10.1, 70, 10.4)).has_pixels
    assert not read(shapely.box(10.1, 5, 10.4, 50)).has_pixels


def test_a_prediction_between_pixel_centres(write_scene, write_bundle, noise, echo, tmp_path):
    """Such an area is named for what it is before the network runs, not taken for one without data."""
    area, scene = tmp_path / "area.gpkg", write_scene(noise(20, 20))
    geopandas.GeoSeries([on_ground(shapely.box(3.1, 3.1, 3.4, 3.4))], crs="EPSG:32633").to_file(area)
    with pytest.raises(MismatchError, match="contains no pixel centre of the grid; choose a larger"):
        geoseg.predict(scene, model=write_bundle(), folder=tmp_path / "out", load=echo, aoi=area)


points = st.tuples(st.integers(-100, 190), st.integers(-100, 190))
"""Corners that are far from the grid or within, and never on the same height as the centre of a pixel."""


@settings(max_examples=40)
@given(st.lists(st.lists(points, min_size=3, max_size=12), min_size=1, max_size=3))
def test_pixels_are_those_of_the_polygons(read, corners):
    """Polygons of any shape, also across themselves and each other, cover the centres in an odd number of windings."""
    polygons = [shapely.Polygon(each) for each in corners]
    try:
        aoi = read(*polygons)
    except DataError:
        assert not any(shapely.make_valid(each).area for each in polygons)
        return
    expected = centres_in(*polygons)
    columns, rows = np.meshgrid(np.arange(80) + 0.5, np.arange(60) + 0.5)
    edges = shapely.union_all([shapely.get_exterior_ring(each) for each in polygons])
    clear = shapely.distance(shapely.points(columns, rows), edges) > 1e-6  # centres on an edge fall either way
    if aoi is None:
        assert not (expected & clear).any()
    else:
        assert (inside(aoi) == expected)[clear].all()


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3035"])
def test_holes_collections_and_other_systems(read, crs):
    """Holes stay out, and parts of collections count; the CRS makes no difference."""
    ring = shapely.Polygon(shapely.box(5.2, 5.2, 40.3, 50.3).exterior, [shapely.box(10.2, 10.2, 20.3, 20.3).exterior])
    others = shapely.MultiPolygon([shapely.box(50.2, 5.2, 60.3, 20.3), shapely.box(55.2, 30.2, 70.3, 40.3)])
    aoi = read(ring, shapely.GeometryCollection([others]), shapely.Polygon(), crs=crs)
    np.testing.assert_array_equal(inside(aoi), centres_in(ring, *others.geoms))
    assert aoi.roi == (slice(5, 51), slice(5, 71))


def test_bounds_are_as_tight_as_the_area(read):
    """Of an area that reaches beyond the grid, what lies outside does not widen the bounds."""
    assert read(shapely.Polygon([(-50, 30), (20, -50), (20, 30)])).roi == (slice(0, 30), slice(0, 20))
    assert read(shapely.Polygon([(10, -100), (10, 20), (500, 20)])).roi == (slice(0, 20), slice(10, 80))
    assert read(shapely.box(-1e6, -1e6, 1e6, 1e6)).roi == (slice(0, 60), slice(0, 80))
    assert read(shapely.Polygon([(81, -50), (200, 70), (81.5, 70)])) is None
    assert read(shapely.Polygon([(-30, 20), (20, -30), (-30, -30)])) is None  # past a corner


@pytest.mark.parametrize("seed", range(3))
def test_any_strip_gives_the_same_pixels(read, seed):
    """Cut into regions of any size, an area has the pixels that it has as a whole."""
    random = np.random.default_rng(seed)
    aoi = read(shapely.Polygon(random.random((60, 2)) * (100, 80) - 10))
    whole = inside(aoi)
    for height, width in ((4, 80), (17, 13), (60, 5)):
        for top in range(0, 60, height):
            for left in range(0, 80, width):
                part = slice(top, min(60, top + height)), slice(left, min(80, left + width))
                np.testing.assert_array_equal(~aoi.outside(*part), whole[part])


def test_the_whole_earth_is_an_area(tmp_path):
    """Edges far beyond the definition of the grid's CRS do no harm."""
    assert inside(read_aoi((-180, -90, 180, 90), GRID)).all()


def test_a_hundred_thousand_edges_that_cross(read):
    """The time for a polygon does not grow with the crossings of its edges, here 2 × 10⁹; only some points are kept."""
    corners = np.random.default_rng(0).random((100_000, 2)) * (80, 60)
    aoi = read(shapely.Polygon(corners))
    assert 0.4 < inside(aoi).mean() < 0.6
    assert len(aoi.rings.points) < 5_000_000


@pytest.mark.filterwarnings("ignore:Non closed ring")  # of GDAL, beside the error
@pytest.mark.parametrize(
    ("coordinates", "found"),
    [
        ([[[500000, 5399950], [500040, 5399950], [500040, 5399990]]], "closed"),
        ([[[500000, 5399950], [500040, 5399950]]], "closed"),
        ([[[500000, 5399950]]], "cannot be read"),
        ([[[500000, 5399950], [500040, 5399950], [500000, 5399950]]], "cannot be read|no polygon"),
        ([[[500000, 5399950], [500040, 5399990], [500020, 5399970], [500000, 5399950]]], "no polygon"),
        ([[[1e400, 5399950], [500040, 5399950], [500040, 5399990], [1e400, 5399950]]], "infinite"),
        ([], "no polygon"),
    ],
)
def test_polygons_that_are_none(tmp_path, coordinates, found):
    """Rings that are not closed, have too few points, no area or no place on Earth are reported in one sentence."""
    path = tmp_path / "area.geojson"
    geometry = {"type": "Polygon", "coordinates": coordinates}
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    features = [{"type": "Feature", "properties": {}, "geometry": geometry}]
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    with pytest.raises(DataError, match=found) as error:
        read_aoi(path, GRID)
    assert "\n" not in str(error.value)


def test_nesting_without_end(tmp_path):
    """GeoJSON that is nested deeper than any parser follows is refused in one sentence."""
    path = tmp_path / "area.geojson"
    path.write_text(
        '{"type": "Feature", "properties": {}, "geometry": '
        + '{"type": "GeometryCollection", "geometries": [' * 100_000
        + "]}" * 100_000
        + "}"
    )
    with pytest.raises(DataError, match="cannot be read"):
        read_aoi(path, GRID)


@pytest.fixture
def outside(tmp_path):
    """Pixels `(60, 80)` outside an area of geometries in pixels of the grid."""

    def read(geometries, crs="EPSG:32633"):
        placed = shapely.transform(geometries, lambda points: points * (1, -1) + (500_000, 5_400_000))
        path = tmp_path / "area.gpkg"
        geopandas.GeoSeries(placed, crs="EPSG:32633").to_crs(crs).to_file(path)
        area = read_aoi(path, GRID)
        mask = np.ones(GRID.shape.yx, bool)
        mask[area.roi] = area.outside(*area.roi)
        return mask

    return read


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326"])
def test_lines_and_points_have_no_area(outside, crs):
    """Polygons in collections count like others; lines and points beside them are left out, with a warning."""
    expected = np.ones((60, 80), bool)
    expected[10:25, 10:30] = expected[40:55, 50:70] = False
    np.testing.assert_array_equal(outside(SQUARES, crs), expected)
    nested = shapely.GeometryCollection([shapely.GeometryCollection([SQUARES[1], ROAD]), shapely.Point(3, 3)])
    with warned(r"2 parts of the area of interest .*area\.gpkg have no area \(lines, points\), and are left out"):
        np.testing.assert_array_equal(outside([SQUARES[0], nested], crs), expected)


def test_polygons_that_touch_the_edge(outside):
    """A polygon outside the grid whose side touches its edge adds no pixel."""
    expected = np.ones((60, 80), bool)
    expected[10:25, 10:30] = False
    np.testing.assert_array_equal(outside([SQUARES[0], shapely.box(80, 30, 90, 50)]), expected)


def test_lines_alone(outside):
    """An area without a polygon is refused."""
    with pytest.raises(DataError, match=r"area\.gpkg has no polygon"):
        outside([ROAD])


EQUATOR_M = 111_319.4907932736
"""Metres of a degree of longitude at the equator, on the WGS 84 ellipsoid."""
_AT_180 = Transformer.from_crs("EPSG:4326", "EPSG:32660", always_xy=True).transform(180, 0)[0]
_MERCATOR_180 = 180 * EQUATOR_M
ANTIMERIDIAN = {
    "beyond 180°": ("EPSG:4326", 180, 1 / EQUATOR_M),
    "beyond -180°": ("EPSG:4326", -180, 1 / EQUATOR_M),
    "another datum": ("EPSG:4167", 180, 1 / EQUATOR_M),
    "web map": ("EPSG:3857", _MERCATOR_180, 1.0),
    "UTM": ("EPSG:32660", _AT_180, 1.0),
}
"""CRS of grids that cross the antimeridian, its x in them, and the width of a metre."""


def _squares(crs, *parts):
    """Areas from -50 m to 50 m north, between pairs of x."""
    north = 50.0 if crs in ("EPSG:3857", "EPSG:32660") else 50 / EQUATOR_M
    return geopandas.GeoSeries([shapely.box(left, -north, right, north) for left, right in parts], crs=crs)


HALF = 50 / EQUATOR_M
AREAS = {
    "cut": _squares("EPSG:4326", (180 - HALF, 180), (-180, -180 + HALF)),
    "cut, on another datum": _squares("EPSG:4167", (180 - HALF, 180), (-180, -180 + HALF)),
    "beyond 180°": _squares("EPSG:4326", (180 - HALF, 180 + HALF)),
    "beyond -180°": _squares("EPSG:4326", (-180 - HALF, -180 + HALF)),
    "UTM": _squares("EPSG:32660", (_AT_180 - 50, _AT_180 + 50)),
    "web map": _squares("EPSG:3857", (_MERCATOR_180 - 50, _MERCATOR_180 + 50)),
    "bounds": (180 - HALF, -HALF, -180 + HALF, HALF),
}
"""The same ground, 50 m around 180° on the equator."""


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("grid", ANTIMERIDIAN)
def test_areas_across_the_antimeridian(tmp_path, grid, area):
    """An area around 180° covers its ground on both sides, whichever way area and grid count longitudes."""
    crs, middle, metre = ANTIMERIDIAN[grid]
    geobox = GeoBox((200, 200), Affine(metre, 0, middle - 100 * metre, 0, -metre, 100 * metre), crs)
    source = AREAS[area]
    if not isinstance(source, tuple):
        source.to_file(tmp_path / "area.gpkg")
        source = tmp_path / "area.gpkg"
    covered = ~read_aoi(source, geobox).outside(slice(0, 200), slice(0, 200))
    expected = np.zeros((200, 200), bool)
    expected[50:150, 50:150] = True
    np.testing.assert_array_equal(covered, expected)


@pytest.mark.parametrize("west", [190, -170])
@pytest.mark.parametrize("bounds", [(-170, -1, -169.5, 1), (190, -1, 190.5, 1)])
def test_longitudes_from_0(west, bounds):
    """190° is -170°, on a grid from 0° to 360° and in bounds."""
    grid = GeoBox((4, 8), Affine(0.125, 0, west, 0, -0.125, 0.25), "EPSG:4326")
    assert read_aoi(bounds, grid).roi == (slice(0, 4), slice(0, 4))


@pytest.mark.parametrize("west", [-180, 0])
def test_areas_of_the_whole_earth(west):
    """A grid of the whole Earth, from -180° or from 0°, has each area once, whole or in two parts."""
    grid = GeoBox((180, 360), Affine(1, 0, west, 0, -1, 90), "EPSG:4326")
    for bounds in ((-10, -10, 10, 10), (170, -10, -170, 10), (170, -10, 190, 10), (350, -10, 10, 10)):
        assert (~read_aoi(bounds, grid).outside(slice(0, 180), slice(0, 360))).sum() == 400


WORLD = {
    "Web Mercator": GeoBox((210, 501), Affine(8e4, 0, -20037508.342789244, 0, -8e4, 8.4e6), "EPSG:3857"),
    "Web Mercator, across": GeoBox((210, 208), Affine(8e4, 0, 1.1e7, 0, -8e4, 8.4e6), "EPSG:3857"),
    "NAD83": GeoBox((120, 360), Affine(1, 0, -180, 0, -1, 60), "EPSG:4269"),
    "Equal Earth": GeoBox((140, 286), Affine(12e4, 0, -17.2e6, 0, -12e4, 8.4e6), "EPSG:8857"),
    "sinusoidal": GeoBox((166, 333), Affine(12e4, 0, -20015109, 0, -12e4, 10007554), "+proj=sinu +R=6371007.181"),
}


def expected_in(grid, west, south, east, north):
    """Pixels of a grid whose centre is within bounds in degrees."""
    x, y = apply_affine(grid.transform, *np.meshgrid(*(np.arange(size) + 0.5 for size in grid.shape[::-1])))
    to_lonlat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform(x, y)
    back, _ = to_lonlat.transform(lon, lat, direction="INVERSE")
    width = (east - west) % 360 or 360
    with np.errstate(invalid="ignore"):
        # PROJ has longitudes beyond the map, too, which are those of other places on it.
        there = (np.abs(back - x) < 1) | (turn_of(CRS(grid.crs)) is not None)
        return there & ((lon - west) % 360 <= width) & (south <= lat) & (lat <= north)


def assert_same(found, expected):
    """Compare an area with pixels, but for a few at its edges: curves are chords on the map."""
    outside = found.outside(*(slice(0, size) for size in expected.shape))
    assert np.count_nonzero(outside == expected) <= 3


@pytest.mark.parametrize(
    "bounds", [(170, -20, 180, 20), (-180, -20, -170, 20), (-60, -20, 60, 20), (-180, -50, 180, 50)]
)
@pytest.mark.parametrize("grid", WORLD.values(), ids=WORLD)
def test_areas_that_end_where_the_map_does(grid, bounds):
    """Areas that touch ±180° are theirs on maps of the world, not what is around them."""
    found = read_aoi(bounds, grid)
    expected = expected_in(grid, *bounds)
    if not expected.any():
        assert found is None
        return
    assert_same(found, expected)


@pytest.mark.parametrize("bounds", [(170, -20, -170, 20), (100, -30, -20, 30)])
@pytest.mark.parametrize("grid", WORLD.values(), ids=WORLD)
def test_areas_across_the_edge_of_the_map(grid, bounds):
    """Areas across ±180° are on both sides of the map."""
    assert_same(read_aoi(bounds, grid), expected_in(grid, *bounds))


def test_a_map_that_is_cut_elsewhere():
    """An area across the meridian at which a map is cut is refused, not turned inside out."""
    grid = GeoBox((260, 660), Affine(6e4, 0, -20037508, 0, -6e4, 8e6), "EPSG:3832")
    with pytest.raises(MismatchError, match="the area of interest crosses the meridian where the map of the scene's"):
        read_aoi((-40, -20, -20, 20), grid)
    assert_same(read_aoi((-30, -20, -20, 20), grid), expected_in(grid, -30, -20, -20, 20))


@pytest.mark.parametrize("bounds", [(-180, -20, 180, 20), (0, -20, 360, 20)])
@pytest.mark.parametrize("grid", WORLD.values(), ids=WORLD)
def test_areas_all_around(grid, bounds):
    """All longitudes may be given from -180° or from 0°."""
    assert_same(read_aoi(bounds, grid), expected_in(grid, *bounds))


@pytest.mark.parametrize(("west", "east"), [(-181, 0), (0, 361), (-170, 195), (5, 5), (180, -180), (0, float("nan"))])
def test_longitudes_out_of_range(west, east):
    """Longitudes below -180° or above 360°, and spans of nothing or of more than a turn, are refused."""
    grid = GeoBox((180, 360), Affine(1, 0, -180, 0, -1, 90), "EPSG:4326")
    with pytest.raises(UsageError, match="`aoi` must be west, south, east, north in degrees, got"):
        read_aoi((west, -20, east, 20), grid)


@pytest.mark.parametrize("bounds", [(1, 2, 3), (1, 2, 3, 4, 5)])
def test_bounds_are_four_numbers(write_scene, write_bundle, noise, bounds):
    """Bounds of another number of values are refused in a sentence."""
    given = ",".join(map(str, bounds))
    with pytest.raises(UsageError, match=rf"`aoi` must be west, south, east, north in degrees, got {given}\."):
        geoseg.describe(write_scene(noise(40, 40)), model=write_bundle(), aoi=bounds)
