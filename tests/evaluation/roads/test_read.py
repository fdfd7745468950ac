"""Road files of all formats are read, and unreadable ones are refused with one sentence."""

import struct

import geopandas
import pandas
import pyogrio
import pytest
import shapely

from geoseg.errors import DataError
from geoseg.evaluation.roads.read import read_roads

NORTH = 5_400_000
ROADS = [[(0, 0), (100, 0)], [(100, 0), (100, 80), (0, 80)]]


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.fgb", "a.parquet", "a.shp"])
def test_formats(write_roads, name):
    """Every format yields the same lines, in the CRS of the file."""
    crs = "EPSG:4326" if name.endswith("geojson") else "EPSG:32633"
    roads = read_roads(write_roads(ROADS, name, crs=crs))
    assert roads.crs.to_epsg() == int(crs[5:])
    assert sorted(len(line.coords) for line in roads.lines) == [2, 3]
    assert roads.notes == ()


def test_layers(write_roads, tmp_path):
    """Of a network's edges and nodes, the edges are read; other layers are named; tables do not count."""
    path = write_roads(ROADS, "several.gpkg", layer="lines")
    pyogrio.write_dataframe(pandas.DataFrame({"a": [1]}), path, layer="table", append=True)
    assert len(read_roads(path).lines) == 2
    write_roads(ROADS[:1], "several.gpkg", layer="edges", mode="a")
    with pytest.raises(DataError, match=r"has the layers lines, edges; save the right one .*several\.gpkg lines`"):
        read_roads(path)
    network = write_roads(ROADS, "network.gpkg", layer="nodes")
    write_roads(ROADS[:1], "network.gpkg", layer="edges", mode="a")
    assert len(read_roads(network).lines) == 1


def test_shapes_of_all_kinds(write_roads):
    """Multi-lines and collections are split; heights, empty and missing shapes are dropped; points are counted."""
    line, other = shapely.LineString(ROADS[0]), shapely.LineString([(0, 9, 5), (9, 9, 5)])
    collection = shapely.GeometryCollection([shapely.GeometryCollection([line]), shapely.Point(3, 3)])
    path = write_roads(
        [shapely.MultiLineString([line, other]), collection, shapely.LineString(), shapely.box(0, 0, 1, 1)], "a.gpkg"
    )
    roads = read_roads(path)
    assert len(roads.lines) == 3
    assert not shapely.has_z(roads.lines).any()
    assert roads.notes == ("a.gpkg: 2 features other than lines are skipped.",)
    one = read_roads(write_roads([line, shapely.Point(3, 3)], "b.gpkg"))
    assert one.notes == ("b.gpkg: 1 feature other than lines is skipped.",)


def test_no_roads(write_roads):
    """A file without features is a network without roads."""
    assert not len(read_roads(write_roads([], "a.geojson", crs="EPSG:4326")).lines)


def test_refused(write_roads, tmp_path):
    """Points alone, no CRS, NaN coordinates and files that are not vector files are refused."""
    with pytest.raises(DataError, match="holds 1 points or polygons, but no lines"):
        read_roads(write_roads([shapely.Point(1, 1)], "points.gpkg"))
    nowhere = write_roads(ROADS, "nowhere.shp")
    nowhere.with_suffix(".prj").unlink()
    geopandas.GeoDataFrame(geometry=[shapely.LineString(ROADS[0])]).to_parquet(tmp_path / "nowhere.parquet")
    for path in (nowhere, tmp_path / "nowhere.parquet"):
        with pytest.raises(DataError, match=f"{path.name} has no CRS; assign"):
            read_roads(path)
    local = tmp_path / "local.gpkg"
    site = 'LOCAL_CS["site",UNIT["metre",1]]'
    geopandas.GeoDataFrame(geometry=[shapely.LineString(ROADS[0])], crs=site).to_file(local)
    with pytest.raises(DataError, match=r"the CRS of .*local\.gpkg, .*, is not tied to the Earth"):
        read_roads(local)
    broken = write_roads([[(0, 0), (50, 3), (100, 7)]], "broken.gpkg")
    broken.write_bytes(broken.read_bytes().replace(struct.pack("<d", NORTH + 3), struct.pack("<d", float("nan"))))
    with pytest.raises(DataError, match="NaN or infinite coordinates"):
        read_roads(broken)
    (tmp_path / "map.tif").write_bytes(b"II*")
    with pytest.raises(DataError, match=r"map\.tif is a raster; name a vector file, such as `geoseg roads`"):
        read_roads(tmp_path / "map.tif")
    for name in ("text.gpkg", "text.geojson", "text.parquet", "text.shp"):
        (tmp_path / name).write_text("not a vector file")
        with pytest.raises(DataError, match=f"{name} cannot be read as a vector file"):
            read_roads(tmp_path / name)
    pyogrio.write_dataframe(pandas.DataFrame({"a": [1]}), tmp_path / "table.gpkg")
    with pytest.raises(DataError, match="is a table without geometry"):
        read_roads(tmp_path / "table.gpkg")
