"""Traced networks against closed forms: position, length and topology of roads."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio import Affine
from rasterio.features import rasterize
from scipy import ndimage
from shapely.affinity import affine_transform

from geoseg.roads import RoadSettings, trace_network

UTM = "EPSG:32632"
# Near the central meridian and the equator, where a metre of the grid is 0.9996 m of ground.
METRE = Affine(1, 0, 500_000, 0, -1, 1_000_000)
SCALE = 1 / 0.9996


def trace(mask, transform=METRE, crs=UTM, limits=None):
    levels = np.where(mask, 254, 0).astype(np.uint8)
    network = trace_network(lambda rows, cols: levels[rows, cols], mask.shape, transform, crs, limits)
    return [
        SimpleNamespace(
            line=network.line(edge), length_m=network.edges.length_m[edge], width_m=network.edges.width_m[edge]
        )
        for edge in range(len(network))
    ]


def in_pixels(roads, transform=METRE):
    return [placed(road.line, ~transform) for road in roads]


def placed(points, transform):
    line = shapely.LineString(points)
    return affine_transform(line, [getattr(transform, name) for name in "abdecf"])


def node_degrees(roads):
    return Counter(tuple(road.line[end]) for road in roads for end in (0, -1))


@pytest.mark.parametrize("angle", [0, 17, 45, 73, 90, 133])
@pytest.mark.parametrize("width", [3, 7, 12])
def test_straight_road(paint, angle, width):
    """A straight road is one line within a pixel of the reference, 2 at its ends, of the correct length and width."""
    centre = np.array([110.3, 110.2])
    half = 90 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    truth = shapely.LineString([centre - half, centre + half])
    (road,) = trace(paint((220, 220), [truth], width=width))
    (line,) = in_pixels([road])
    assert line.hausdorff_distance(truth) < 2
    assert truth.buffer(1).contains(shapely.LineString(line.segmentize(1).coords[4:-4]))
    assert road.length_m == pytest.approx(180 * SCALE, abs=2.5)
    assert road.width_m == pytest.approx(width, abs=1.1)


def test_arc_has_the_length_of_its_radius(paint):
    """A half circle of radius 80 m is 80π m long within 1.5 %, and within 1 m of the circle, 2.5 m at its ends."""
    angles = np.linspace(0, np.pi, 200)
    truth = shapely.LineString(np.column_stack([100 + 80 * np.cos(angles), 95 - 80 * np.sin(angles)]))
    (road,) = trace(paint((110, 200), [truth], width=6))
    (line,) = in_pixels([road])
    assert road.length_m == pytest.approx(80 * np.pi * SCALE, rel=0.015)
    radii = np.hypot(*(shapely.get_coordinates(line.segmentize(1)) - (100, 95)).T)
    assert np.abs(radii - 80)[12:-12].max() < 1
    assert np.abs(radii - 80).max() < 2.5


@pytest.mark.parametrize(("radius", "rows"), [(60, 160), (1030, 2200)])
def test_ring_is_closed(radius, rows):
    """A ring without junctions is one closed line, even across blocks."""
    y, x = np.ogrid[:rows, : 2 * radius + 40]
    distance = np.hypot(x + 0.5 - radius - 20, y + 0.5 - rows / 2)
    (road,) = trace(np.abs(distance - radius) < 3.5)
    np.testing.assert_array_equal(road.line[0], road.line[-1])
    assert road.length_m == pytest.approx(2 * np.pi * radius * SCALE, rel=0.01)


@pytest.mark.parametrize(("wide", "radius", "width"), [(24, 8, 3), (24, 9, 4), (30, 7, 3), (34, 10, 5)])
def test_turning_loop_at_a_wide_road(wide, radius, width):
    """A loop that touches a wide road encloses its hole, although most of its skeleton bends towards that road."""
    middle = shapely.Point(100, 100 - wide / 2 - radius + width / 2)
    road = shapely.LineString([(0, 100), (200, 100)]).buffer(wide / 2, cap_style="flat")
    loop = middle.buffer(radius + width / 2).difference(middle.buffer(radius - width / 2))
    lines = in_pixels(trace(rasterize([road, loop], out_shape=(140, 200)).astype(np.bool_)))
    (traced,) = (line for line in lines if line.is_closed)
    assert traced.is_simple
    assert shapely.Polygon(traced).contains(middle)


@pytest.mark.parametrize("row", [100.5, 1024.0, 1030.2])
@pytest.mark.parametrize("lean", [0, 25])
def test_crossing_is_one_node_of_degree_four(paint, row, lean):
    """Two roads that cross make four edges that share a point within 2 m of the crossing."""
    lines = [[(5, row), (195, row)], [(100 - lean, row - 90), (100 + lean, row + 90)]]
    roads = trace(paint((1200, 200), lines, width=7))
    assert len(roads) == 4
    ((node, degree),) = [item for item in node_degrees(roads).items() if item[1] > 1]
    assert degree == 4
    assert np.hypot(*np.subtract(node, (500_100, 1_000_000 - row))) < 2


def test_side_road_is_a_node_of_degree_three(paint):
    """A side road splits the road it joins, which stays within 3 m of its axis."""
    roads = trace(paint((200, 200), [[(5, 60), (195, 60)], [(90, 60), (90, 190)]], width=8))
    assert sorted(node_degrees(roads).values()) == [1, 1, 1, 3]
    through = [line for line in in_pixels(roads) if line.bounds[3] < 70]
    assert len(through) == 2
    assert all(shapely.LineString([(0, 60), (200, 60)]).buffer(3).contains(line) for line in through)


def test_street_grid_is_routable(paint):
    """A grid of 6 × 26 streets in two blocks has the nodes, degrees and edges of the graph it was painted from."""
    columns, rows = [30 + 40 * k for k in range(6)], [25 + 90 * k for k in range(26)]
    lines = [[(c, rows[0] - 3), (c, rows[-1] + 3)] for c in columns] + [[(27, r), (233, r)] for r in rows]
    roads = trace(paint((2300, 260), lines, width=6))
    assert Counter(node_degrees(roads).values()) == {3: 2 * 4 + 2 * 24, 4: 4 * 24}
    assert len(roads) == 5 * 26 + 6 * 25 - 4  # the corners join two edges


def test_pole_in_the_middle_of_the_scene(paint):
    """Widths are correct around a pole, where all directions are south."""
    mask = paint((400, 400), [[(20, 120), (380, 160)], [(250, 20), (250, 380)]], width=8)
    there = trace(mask, Affine(1, 0, -200, 0, -1, 200), "EPSG:3413")
    here = trace(mask)
    assert len(there) == len(here) == 4
    # Polar stereographic coordinates are 1.03 times too small there.
    assert [road.width_m for road in there] == pytest.approx([1.03 * road.width_m for road in here], rel=0.06)


def test_road_reaches_the_edge_of_the_scene(paint):
    """A road that leaves the scene ends on its edge, not outside."""
    (road,) = trace(paint((300, 120), [[(40, -20), (70, 320)]], width=7))
    (line,) = in_pixels([road])
    assert sorted(y for _, y in line.coords)[:: len(line.coords) - 1] == pytest.approx([0, 300], abs=1e-6)
    assert shapely.box(-1e-6, -1e-6, 120 + 1e-6, 300 + 1e-6).covers(line)


def test_spurs_are_dropped_and_the_road_is_one_again(paint):
    """Teeth of 6 m along a road leave no node; a side road of 30 m stays."""
    teeth = [[(60, row), (60 + side * 10, row)] for row in range(40, 1160, 16) for side in (-1, 1)]
    comb = [[(60, 10), (60, 1190)], *teeth]
    (road,) = trace(paint((1200, 120), comb, width=7))
    assert road.length_m == pytest.approx(1180 * SCALE, abs=4)
    roads = trace(paint((1200, 120), [*comb, [(60, 600), (95, 600)]], width=7))
    assert len(roads) == 3


@pytest.mark.parametrize(("length", "count"), [(12, 0), (30, 1)])
def test_short_lone_roads_are_dropped(paint, length, count):
    """An isolated road is kept from 25 m."""
    mask = paint((80, 80), [[(20, 40), (20 + length, 40)]], width=5)
    assert len(trace(mask)) == count


def test_specks_and_pinholes_leave_no_trace(paint):
    """Pinholes make no loops and specks no roads; a roundabout of 6 m radius stays a loop."""
    line = [[(10, 50), (190, 50)]]
    clean = paint((100, 200), line, width=9)
    noisy = clean.copy()
    noisy[50, 20:180:15] = False
    noisy[10:90:20, 10:190:20] = True
    (road,) = trace(noisy)
    assert in_pixels([road])[0].hausdorff_distance(in_pixels(trace(clean))[0]) < 2
    y, x = np.ogrid[:100, :200]
    roundabout = clean | (np.hypot(x - 100, y - 50) < 14)
    roundabout &= np.hypot(x - 100, y - 50) >= 6
    assert sorted(node_degrees(trace(roundabout)).values()) == [1, 1, 3, 3]


TRANSFORMS = {
    "rotated": (Affine(0.8, 0.6, 500_000, 0.6, -0.8, 1_000_000), UTM, 1.0),
    "south-up": (Affine(1, 0, 500_000, 0, 1, 1_000_000), UTM, 1.0),
    "half metre": (Affine(0.5, 0, 500_000, 0, -0.5, 1_000_000), UTM, 0.5),
    "oblong pixels": (Affine(1, 0, 500_000, 0, -0.6, 1_000_000), UTM, 1.0),
    "geographic": (Affine(1e-5, 0, 8.99, 0, -1e-5, 45.01), "EPSG:4326", 1e-5),
    "feet": (Affine(3, 0, 600_000, 0, -3, 200_000), "EPSG:2263", 3.0),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_lines_are_in_the_grids_crs(paint, name):
    """On any grid, a road is within a pixel of its map coordinates."""
    transform, crs, pixel = TRANSFORMS[name]
    truth = placed([(20.3, 30.7), (230.6, 260.4)], transform)
    mask = paint((300, 250), [truth], width=8 * pixel, transform=transform)
    (road,) = trace(mask, transform, crs)
    assert truth.buffer(1.2 * pixel).covers(
        shapely.LineString(shapely.LineString(road.line).segmentize(pixel).coords[3:-3])
    )
    ends = shapely.points([road.line[0], road.line[-1]])
    assert sorted(shapely.distance(ends, truth.boundary) < 2.5 * pixel) == [True, True]
    geod = pyproj.CRS(crs).get_geod()
    geodetic = pyproj.CRS(crs).geodetic_crs
    to_lonlat = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True)
    length_m = geod.line_length(*to_lonlat.transform(*np.array(truth.coords).T))
    assert road.length_m == pytest.approx(length_m, rel=0.015)


def test_length_is_geodesic_at_60_degrees_north(paint):
    """In Web Mercator at 60° N, 1,000 map metres are 500 m on the ground, as in UTM."""
    x, y = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True).transform(9.0, 60.0)
    transform = Affine(1, 0, x, 0, -1, y)
    truth = placed([(100, 150), (1100, 150)], transform)
    (road,) = trace(paint((300, 1200), [truth], width=14, transform=transform), transform, "EPSG:3857")
    to_utm = pyproj.Transformer.from_crs("EPSG:3857", UTM, always_xy=True)
    utm_m = shapely.LineString(np.column_stack(to_utm.transform(*np.array(truth.coords).T))).length * SCALE
    assert utm_m == pytest.approx(501, abs=2)
    assert road.length_m == pytest.approx(utm_m, abs=1.5)
    assert road.width_m == pytest.approx(7, abs=0.5)


@pytest.mark.parametrize("shape", [(50, 50), (1500, 1), (1, 400), (1, 1)])
def test_empty_masks_have_no_roads(shape):
    """A scene of any shape without roads gives no edges."""
    assert trace(np.zeros(shape, bool)) == []


@pytest.mark.parametrize("shape", [(1100, 1), (1, 400)])
def test_scene_one_pixel_wide(shape):
    """A scene one pixel wide, all road, is one road from end to end."""
    (road,) = trace(np.ones(shape, bool))
    assert road.length_m == pytest.approx(max(shape) * SCALE, abs=1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), blur=st.floats(0, 5), share=st.floats(0.1, 0.9), high=st.sampled_from([60, 1090]))
def test_any_mask_makes_a_sound_network(seed, blur, share, high):
    """For any mask, lines stay in the scene, only rings have nodes of degree two, and no isolated road is short."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((high, 70)), blur)
    roads = trace(noise < np.quantile(noise, share))
    degrees = node_degrees(roads)
    for road, line in zip(roads, in_pixels(roads), strict=True):
        assert shapely.box(0, 0, 70, high).buffer(1e-6).covers(line)
        assert road.length_m > 0
        closed = (road.line[0] == road.line[-1]).all()
        ends = sorted(degrees[tuple(road.line[end])] for end in (0, -1))
        assert ends == [2, 2] if closed and 2 in ends else 2 not in ends
        if ends == [1, 1]:
            assert road.length_m >= 25


def test_full_mask_is_traced():
    """A scene that is all road gives lines within it."""
    roads = trace(np.ones((1100, 300), bool))
    for line in in_pixels(roads):
        assert shapely.box(0, 0, 300, 1100).covers(line)


def test_settings_are_metres_on_the_ground(paint):
    """The same mask at half the pixel size is half as long: 40 m become 20 m, and are dropped."""
    mask = paint((80, 80), [[(20, 40), (60, 40)]], width=7)
    half = Affine(0.5, 0, 500_000, 0, -0.5, 1_000_000)
    assert len(trace(mask)) == 1
    assert trace(mask, half) == []
    assert len(trace(mask, half, limits=RoadSettings(min_component_m=10))) == 1
