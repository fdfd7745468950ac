import json

import numpy as np
import pyarrow as pa
import pytest
import shapely
from pyproj import CRS

from geoseg.polygons.geojson import write_geojson
from geoseg.polygons.table import SCHEMA


@pytest.fixture
def written(tmp_path):
    """Write polygons and return the features."""

    def write(polygons, crs, longest=1e9):
        columns = [
            np.arange(1, len(polygons) + 1),
            np.full(len(polygons), 3, np.int32),
            ["wood"] * len(polygons),
            np.full(len(polygons), 12.5),
            [polygon.wkb for polygon in polygons],
        ]
        batch = pa.record_batch(columns, schema=SCHEMA)
        path = tmp_path / "areas.geojson"
        reader = pa.RecordBatchReader.from_batches(SCHEMA, [batch] if polygons else [])
        write_geojson(reader, path, CRS.from_user_input(crs), longest)
        return json.loads(path.read_text(encoding="utf-8"))["features"]

    return write


def test_collection(written):
    """A feature has its properties, and a polygon in degrees of seven decimals, counter-clockwise, holes clockwise."""
    square = shapely.box(500_000, 5_400_000, 500_100, 5_400_100).difference(
        shapely.box(500_020, 5_400_020, 500_040, 5_400_040)
    )
    (feature,) = written([square], "EPSG:32633")
    assert feature["properties"] == {"id": 1, "class_id": 3, "name": "wood", "area_m2": 12.5}
    assert feature["geometry"]["type"] == "Polygon"
    outer, hole = (np.array(ring) for ring in feature["geometry"]["coordinates"])
    assert shapely.is_ccw(shapely.LinearRing(outer))
    assert not shapely.is_ccw(shapely.LinearRing(hole))
    np.testing.assert_array_equal(outer, np.round(outer, 7))
    assert outer[:, 0].min() == 15.0
    assert 48.7 < outer[:, 1].min() < 48.8


def test_empty_collection(written):
    """No polygons make a collection without features."""
    assert written([], "EPSG:32633") == []


@pytest.mark.parametrize("shift", [0, 360])
def test_polygon_is_cut_at_the_antimeridian(written, shift):
    """A polygon across ±180° becomes two that meet there, whether the CRS counts on or not (RFC 7946, 3.1.9)."""
    east = 181.0 if shift else -179.0
    across = shapely.Polygon([(179, 0), (east, 0), (east, 2), (179, 2)])
    (feature,) = written([across], "OGC:CRS84")
    assert feature["geometry"]["type"] == "MultiPolygon"
    parts = shapely.get_parts(shapely.geometry.shape(feature["geometry"]))
    assert sorted(part.bounds for part in parts) == [(-180, 0, -179, 2), (179, 0, 180, 2)]
    assert shapely.is_ccw(shapely.get_exterior_ring(parts)).all()


def test_polygon_in_a_projection_across_the_antimeridian(written):
    """A projected scene that straddles ±180° keeps its shape on both sides."""
    scene = shapely.box(-30_000, -20_000, 30_000, 20_000)
    (feature,) = written([scene], "+proj=tmerc +lon_0=180 +lat_0=-17 +ellps=WGS84", longest=1000)
    west, east = sorted(shapely.get_parts(shapely.geometry.shape(feature["geometry"])), key=lambda part: part.bounds)
    assert west.bounds[0] == -180
    assert east.bounds[2] == 180
    assert west.area == pytest.approx(east.area, rel=1e-4)


def test_long_lines_are_followed(written):
    """A border that is straight in the CRS and bent in degrees is drawn bent, on both of its sides alike."""
    north, south = (
        shapely.box(200_000, 6_500_000, 300_000, 6_600_000),
        shapely.box(200_000, 6_400_000, 300_000, 6_500_000),
    )
    features = written([north, south], "EPSG:32633", longest=1000)
    polygons = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    assert shapely.coverage_is_valid(polygons)
    assert polygons[0].intersection(polygons[1]).length > 1.5
    assert len(polygons[0].exterior.coords) == 401
