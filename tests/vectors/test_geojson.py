import json
from dataclasses import replace

import numpy as np
import pyproj
import pytest
import shapely

from geoseg.errors import SceneError
from geoseg.vectors.geojson import write_geojson


@pytest.fixture
def written(layer, tmp_path):
    """Return a function that writes shapes and returns the features."""

    def write(shapes, crs, **choices):
        kind = "Polygon" if shapes and shapes[0].geom_type == "Polygon" else "LineString"
        path = tmp_path / "things.geojson"
        write_geojson(layer(shapes, crs, geometry_type=kind, **choices), path)
        document = json.loads(path.read_text(encoding="utf-8"))
        assert document["type"] == "FeatureCollection"
        return document["features"]

    return write


def test_lines_are_in_degrees_with_seven_decimals(written):
    """Lines are written in WGS 84 to within a centimetre, with all attributes and null for missing ones."""
    lines = [
        shapely.LineString([(691_005.125 + shift, 5_335_989.75), (691_150, 5_335_977.9), (691_150.5, 5_335_855)])
        for shift in (0, 4.5, 9)
    ]
    found = written(lines, "EPSG:32632")
    to_utm = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:32632", always_xy=True)
    for feature, line in zip(found, lines, strict=True):
        assert feature["geometry"]["type"] == "LineString"
        positions = np.array(feature["geometry"]["coordinates"])
        np.testing.assert_array_equal(positions, np.round(positions, 7))
        np.testing.assert_allclose(np.column_stack(to_utm.transform(*positions.T)), line.coords, atol=0.012)
    assert [feature["properties"] for feature in found] == [
        {"id": number, "width_m": width_m, "paved": True, "kind": "Straße"}
        for number, width_m in ((1, 3.25), (2, None), (3, None))
    ]


def test_polygons_are_counter_clockwise(written):
    """Outer rings are counter-clockwise, holes clockwise, in degrees with seven decimals."""
    square = shapely.box(500_000, 5_400_000, 500_100, 5_400_100).difference(
        shapely.box(500_020, 5_400_020, 500_040, 5_400_040)
    )
    (feature,) = written([square], "EPSG:32633")
    assert feature["geometry"]["type"] == "Polygon"
    outer, hole = (np.array(ring) for ring in feature["geometry"]["coordinates"])
    assert shapely.is_ccw(shapely.LinearRing(outer))
    assert not shapely.is_ccw(shapely.LinearRing(hole))
    np.testing.assert_array_equal(outer, np.round(outer, 7))
    assert outer[:, 0].min() == 15.0
    assert 48.7 < outer[:, 1].min() < 48.8


def test_empty_layer_is_a_valid_collection(written):
    """An empty layer becomes an empty FeatureCollection."""
    assert written([], "EPSG:32632") == []


@pytest.mark.parametrize("shift", [0, 360])
def test_line_is_cut_at_the_antimeridian(written, shift):
    """A line across ±180° becomes two that meet there (RFC 7946, 3.1.9)."""
    (feature,) = written([shapely.LineString([(179.5, 10.0), (180.5 if shift else -179.5, 11.0)])], "OGC:CRS84")
    assert feature["geometry"] == {
        "type": "MultiLineString",
        "coordinates": [[[179.5, 10.0], [180.0, 10.5]], [[-180.0, 10.5], [-179.5, 11.0]]],
    }


@pytest.mark.parametrize("west_to_east", [True, False])
def test_line_that_turns_back_at_the_antimeridian(written, west_to_east):
    """Two passes make three parts in either direction, none of them longer than a hemisphere."""
    line = [(179.5, 0.0), (180.5, 0.0), (179.5, 0.25)] if west_to_east else [(180.5, 0.0), (179.5, 0.0), (180.5, 0.25)]
    (feature,) = written([shapely.LineString(line)], "OGC:CRS84")
    parts = feature["geometry"]["coordinates"]
    assert len(parts) == 3
    assert all(np.ptp(np.array(part)[:, 0]) <= 0.5 + 1e-9 for part in parts)
    assert sum(shapely.LineString(part).length for part in parts) == pytest.approx(shapely.LineString(line).length)


def test_line_that_ends_on_the_antimeridian_is_whole(written):
    """A part without length is not written."""
    lines = [shapely.LineString([(179.5, 0.0), (180.0, 0.0)]), shapely.LineString([(180.0, 0.0), (180.5, 0.0)])]
    kinds = [feature["geometry"]["type"] for feature in written(lines, "OGC:CRS84")]
    assert kinds == ["LineString", "LineString"]


@pytest.mark.parametrize("shift", [0, 360])
def test_polygon_is_cut_at_the_antimeridian(written, shift):
    """A polygon across ±180° becomes two that meet there, whether or not longitudes exceed 180° (RFC 7946, 3.1.9)."""
    east = 181.0 if shift else -179.0
    across = shapely.Polygon([(179, 0), (east, 0), (east, 2), (179, 2)])
    (feature,) = written([across], "OGC:CRS84")
    assert feature["geometry"]["type"] == "MultiPolygon"
    parts = shapely.get_parts(shapely.geometry.shape(feature["geometry"]))
    assert sorted(part.bounds for part in parts) == [(-180, 0, -179, 2), (179, 0, 180, 2)]
    assert shapely.is_ccw(shapely.get_exterior_ring(parts)).all()


@pytest.mark.parametrize("west", [-10, -170, -30])
@pytest.mark.parametrize("width", [210, 340, 360])
def test_polygon_across_many_degrees(written, west, width):
    """A polygon that spans both 0° and 180° keeps its area and its hole, however its longitudes are counted."""
    east, hole = west + width, shapely.box(west + 195, -5, west + 205, 5)
    (feature,) = written([shapely.box(west, -30, east, 30) - hole], "OGC:CRS84", longest=1.0)
    shape = shapely.geometry.shape(feature["geometry"])
    assert shape.area == pytest.approx(width * 60 - 100)
    assert shape.is_valid
    assert not shape.contains(shapely.Point((west + 200 + 180) % 360 - 180, 0))
    assert shape.bounds[0] >= -180
    assert shape.bounds[2] <= 180


@pytest.mark.parametrize("box", [(-2000, -2000, 2500, 2000), (-800, -700, 700, 900), (-3000, -1000, 900, 700)])
def test_polygon_around_a_pole(written, box):
    """A polygon that contains a pole is refused, wherever its ring meets the meridians."""
    with pytest.raises(SceneError, match="contains a pole"):
        written([shapely.box(*(1000 * each for each in box))], "EPSG:3031", longest=50_000)


def test_polygon_in_a_projection_across_the_antimeridian(written):
    """A projected scene that straddles ±180° keeps its shape on both sides."""
    scene = shapely.box(-30_000, -20_000, 30_000, 20_000)
    (feature,) = written([scene], "+proj=tmerc +lon_0=180 +lat_0=-17 +ellps=WGS84", longest=1000)
    west, east = sorted(shapely.get_parts(shapely.geometry.shape(feature["geometry"])), key=lambda part: part.bounds)
    assert west.bounds[0] == -180
    assert east.bounds[2] == 180
    assert west.area == pytest.approx(east.area, rel=1e-4)


def test_long_lines_are_densified(written):
    """A border straight in the CRS but curved in degrees gets vertices, the same on both sides."""
    north, south = (
        shapely.box(200_000, 6_500_000, 300_000, 6_600_000),
        shapely.box(200_000, 6_400_000, 300_000, 6_500_000),
    )
    features = written([north, south], "EPSG:32633", longest=1000)
    polygons = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    assert shapely.coverage_is_valid(polygons)
    assert polygons[0].intersection(polygons[1]).length > 1.5
    assert len(polygons[0].exterior.coords) == 401


def test_features_by_the_thousand(layer, tmp_path):
    """Features of batches of any size are written in their order, each once."""
    lines = [shapely.LineString([(500_000 + row, 5_400_000), (500_000 + row, 5_400_010)]) for row in range(3_000)]
    small = layer(lines)
    (whole,) = small.reader().read_all().combine_chunks().to_batches()
    texts = []
    for each in (small, replace(small, batches=lambda: [whole])):
        write_geojson(each, tmp_path / "things.geojson")
        texts.append((tmp_path / "things.geojson").read_text())
    assert texts[0] == texts[1]
    assert [feature["properties"]["id"] for feature in json.loads(texts[1])["features"]] == list(range(1, 3_001))


def test_places_outside_the_crs_are_refused(written):
    """What has no longitude and latitude is not written."""
    with pytest.raises(SceneError, match="extend to where their CRS, World_Mollweide, has no longitude"):
        written([shapely.box(-18_000_000, 8_000_000, -17_000_000, 9_000_000)], "ESRI:54009")
