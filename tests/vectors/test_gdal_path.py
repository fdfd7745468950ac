"""Names that pyogrio would take for parts of a URL."""

import sqlite3
from contextlib import closing

import geopandas
import pytest
import shapely

from geoseg.vectors.read import columns_of, read_features
from geoseg.vectors.targets import VECTOR_ENDINGS
from geoseg.vectors.write import write_layers

SHAPES = [shapely.box(500_000 + k, 5_400_000, 500_001 + k, 5_400_009) for k in range(0, 10, 2)]


@pytest.mark.parametrize("name", ["a;b/things", "things;1", "a!b/things", "things!", "100 %; 'ü' #1?/x=1&y! \"q\""])
@pytest.mark.parametrize("file_format", VECTOR_ENDINGS)
def test_any_path_is_written_and_read(layer, tmp_path, name, file_format):
    """A file has the bytes that it has under another name, and none is beside it."""
    things = layer(SHAPES, geometry_type="Polygon")
    plain, path = (tmp_path / f"{each}{VECTOR_ENDINGS[file_format]}" for each in ("plain/things", name))
    for each in (plain, path):
        each.parent.mkdir(exist_ok=True)
        write_layers([things, things] if file_format == "flatgeobuf" else [things], each, file_format)
    assert path.read_bytes() == plain.read_bytes()
    assert {each for each in tmp_path.rglob("*") if each.is_file()} == {plain, path}
    assert read_features(path).equals(read_features(plain))
    assert columns_of(path) == columns_of(plain)
    if file_format == "gpkg":
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT 1 FROM sqlite_master WHERE name GLOB 'rtree_*'").fetchone()


def test_a_shapefile_keeps_its_other_files(tmp_path):
    """The files beside a Shapefile are read, too: attributes and CRS are in them."""
    path = tmp_path / "roads; old!.shp"
    things = geopandas.GeoDataFrame({"width": [3, 4]}, geometry=SHAPES[:2], crs="EPSG:32633")
    things.to_file(tmp_path / "plain.shp")
    for each in tmp_path.glob("plain.*"):
        each.rename(path.with_suffix(each.suffix))
    found = read_features(path)
    assert found.crs == things.crs
    assert found["width"].tolist() == [3, 4]
