"""Vector files that people give: what is read of them, and what is refused."""

import json

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geoseg.errors import DataError
from geoseg.vectors.read import polygons_in, read_features, split_collections

SHAPES = st.sampled_from(
    [
        shapely.Point(0, 0),
        shapely.LineString([(0, 0), (1, 1)]),
        shapely.box(0, 0, 1, 1),
        shapely.MultiPolygon([shapely.box(2, 2, 3, 3)]),
        shapely.MultiLineString([[(0, 0), (2, 1)], [(5, 5), (6, 6)]]),
    ]
)
NESTED = st.recursive(SHAPES, lambda inner: st.lists(inner, max_size=4).map(shapely.GeometryCollection), max_leaves=9)


def flat(geometry):
    """Parts of a geometry one by one, as a recursion says."""
    if geometry.geom_type != "GeometryCollection":
        return [geometry]
    return [part for each in geometry.geoms for part in flat(each)]


@given(st.lists(NESTED, max_size=5))
def test_collections(shapes):
    """Collections are replaced by their parts, and parts are told by the index of their geometry; others stay."""
    parts, index = split_collections(np.array([None, *shapes], object)[1:])
    assert [sorted(part.wkb for part in parts[index == number]) for number in range(len(shapes))] == [
        sorted(part.wkb for part in flat(shape)) for shape in shapes
    ]
    assert (np.diff(index) >= 0).all()
    polygons, others = polygons_in(np.array([None, *shapes], object)[1:])
    assert {each.geom_type for each in polygons} <= {"Polygon", "MultiPolygon"}
    assert len(polygons) + others == len(parts)


@pytest.fixture
def write_geojson(tmp_path):
    """Write a square at x and y as GeoJSON, without a CRS, which means degrees."""

    def write(x, y, **more):
        shape = shapely.geometry.mapping(shapely.box(x, y, x + 1, y + 1))
        features = [{"type": "Feature", "properties": {}, "geometry": shape}]
        path = tmp_path / "areas.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **more}))
        return path

    return write


@pytest.mark.parametrize("place", [(178_300, 901_500), (50, 91), (500_000, 0)])
def test_metres_in_geojson(write_geojson, place):
    """GeoJSON whose coordinates are no degrees is refused, and the sentence names them and the two remedies."""
    path = write_geojson(*place)
    sentence = (
        rf"areas\.geojson has the coordinates {place[0] + 1}, {place[1]}, which are not degrees in its CRS, WGS 84"
    )
    with pytest.raises(DataError, match=sentence + r"; GeoJSON is in longitude and latitude .* name its CRS"):
        read_features(path)


def test_degrees_and_named_systems(write_geojson):
    """Degrees, beyond the antimeridian too, and metres of a named CRS are read."""
    for place in ((-180, -90), (179.5, 89), (181, 0)):
        assert len(read_features(write_geojson(*place))) == 1
    named = {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::26986"}}}
    assert read_features(write_geojson(178_300, 901_500, **named)).crs.to_epsg() == 26986


def test_wrong_systems_of_other_formats(tmp_path):
    """A wrong CRS of another format is to be corrected; null and empty shapes do not count."""
    shapes = [None, shapely.Polygon(), shapely.box(5e5, 5e6, 5e5 + 1, 5e6 + 1)]
    path = tmp_path / "areas.gpkg"
    geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:4326").to_file(path)
    with pytest.raises(DataError, match="which are not degrees in its CRS, WGS 84; assign the right CRS"):
        read_features(path)
    geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:32631").to_file(path)
    assert len(read_features(path)) == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {b"geo": b"5"},
        {b"geo": b'{"version": "1.0.0", "primary_column": "geometry", "columns": {}}'},
        {b"geo": b'{"version": "1.0.0", "primary_column": ["geometry"], "columns": {}}'},
        {b"geo": b'{"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "point"}}}'},
    ],
)
def test_damaged_geoparquet(tmp_path, metadata):
    """Metadata that is not GeoParquet's is reported in one sentence, whatever is wrong with it."""
    path = tmp_path / "areas.parquet"
    table = pa.table({"geometry": pa.array([shapely.to_wkb(shapely.box(0, 0, 1, 1))], pa.binary())})
    pa.parquet.write_table(table.replace_schema_metadata(metadata), path)
    with pytest.raises(DataError, match=r"areas\.parquet cannot be read as a vector file \("):
        read_features(path)
