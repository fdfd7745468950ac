"""Every format is read back by other libraries."""

import errno
import json
import os
import sqlite3
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import geopandas
import numpy as np
import pyarrow.parquet
import pyogrio
import pytest
import shapely
from pyogrio.errors import DataLayerError
from pyproj import CRS, Transformer
from standins import files_of_at_most

from geoseg.vectors import gdal
from geoseg.vectors.targets import VECTOR_ENDINGS, name_targets
from geoseg.vectors.write import write_files, write_layers

LINES = [
    shapely.LineString([(500_000.125, 5_400_000), (500_100 + k, 5_400_050), (500_200, 5_400_000)]) for k in range(5)
]
POLYGONS = [shapely.box(500_000 + k, 5_400_000, 500_001 + k, 5_400_009) for k in range(0, 10, 2)]
SHAPES = {"LineString": LINES, "Polygon": POLYGONS}


def read(path, layer=None):
    if path.suffix == ".parquet":
        return geopandas.read_parquet(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a GeoPackage also has a table of styles
        return pyogrio.read_dataframe(path, layer=layer)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("name", ["gpkg", "flatgeobuf", "parquet"])
def test_round_trip(layer, tmp_path, kind, name):
    """Shapes are read back exactly, in the layer's CRS, and attributes with their types."""
    path = tmp_path / f"things{VECTOR_ENDINGS[name]}"
    write_layers([layer(SHAPES[kind], geometry_type=kind)], path, name)
    found = read(path, "things").sort_values("id", ignore_index=True)  # FlatGeobuf orders features by its spatial index
    assert found.crs == "EPSG:32633"
    assert list(found.columns) == ["id", "width_m", "paved", "kind", "geometry"]
    assert found["id"].dtype == np.int64
    assert found["paved"].dtype == np.bool_
    assert found["id"].tolist() == [1, 2, 3, 4, 5]
    assert found["width_m"].tolist()[:1] == [3.25]
    assert found["width_m"].isna().tolist() == [False, True, True, True, True]
    assert set(found["kind"]) == {"Straße"}
    assert found.geometry.tolist() == SHAPES[kind]


@pytest.mark.parametrize(
    "crs",
    [
        "+proj=utm +zone=17 +datum=NAD83 +units=us-ft",
        "+proj=utm +zone=33 +south +datum=WGS84 +units=km",
        "+proj=tmerc +lon_0=15 +k=0.9996 +x_0=500000 +datum=WGS84 +pm=paris",
        "EPSG:32164",  # UTM in feet that has a code
        "EPSG:26917+5703",  # UTM with heights
    ],
)
@pytest.mark.parametrize("name", ["gpkg", "flatgeobuf", "parquet"])
def test_projections_like_utm(layer, tmp_path, crs, name):
    """UTM in other units, or not from Greenwich, which GDAL takes for that in metres, keeps its place."""
    path = tmp_path / f"things{VECTOR_ENDINGS[name]}"
    write_layers([layer([shapely.LineString([(500, 5400), (501, 5401)])], crs=crs)], path, name)
    found = [
        Transformer.from_crs(each, "EPSG:4326", always_xy=True).transform(500, 5400)
        for each in (CRS(crs), read(path, "things").crs)
    ]
    np.testing.assert_allclose(*found, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", VECTOR_ENDINGS)
def test_empty_layer_can_be_opened(layer, tmp_path, name):
    """An empty layer gives a file without features but with all fields."""
    path = tmp_path / f"things{VECTOR_ENDINGS[name]}"
    write_layers([layer([])], path, name)
    found = read(path)
    assert len(found) == 0
    if name != "geojson":  # which has no schema
        assert [column for column in found.columns if column != "geometry"] == ["id", "width_m", "paved", "kind"]


@pytest.mark.parametrize("kind", SHAPES)
def test_geoparquet_metadata(layer, tmp_path, kind):
    """The file has a row group per batch and records geometry type, CRS and, for polygons, orientation."""
    path = tmp_path / "things.parquet"
    write_layers([layer(SHAPES[kind], geometry_type=kind)], path, "parquet")
    metadata = pyarrow.parquet.read_metadata(path)
    assert metadata.num_row_groups == 3
    geo = json.loads(metadata.metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    column = geo["columns"][geo["primary_column"]]
    assert column["geometry_types"] == [kind]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 32633}
    assert column.get("orientation") == ("counterclockwise" if kind == "Polygon" else None)


def test_geopackage_carries_its_styles(layer, tmp_path):
    """Each layer has a default style for QGIS, and the bytes do not depend on the time of writing."""
    layers = [
        layer(LINES, name="edges", style="<a />"),
        layer(shapely.points([(1, 2)]).tolist(), name="nodes", geometry_type="Point", style="<b />"),
    ]
    path, again = tmp_path / "things.gpkg", tmp_path / "again.gpkg"
    write_layers(layers, path, "gpkg")
    with closing(sqlite3.connect(path)) as database:
        columns = dict(database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns"))
        styles = database.execute("SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles")
        assert styles.fetchall() == [("edges", columns["edges"], 1, "<a />"), ("nodes", columns["nodes"], 1, "<b />")]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [len(read(path, name)) for name in ("edges", "nodes")] == [5, 1]
    write_layers(layers, again, "gpkg")
    assert again.read_bytes() == path.read_bytes()


def test_geopackages_at_the_same_time(layer, tmp_path, monkeypatch):
    """A writer does not give today's date to a file that another one has begun."""
    begun, write = Barrier(2), gdal._write

    def write_beside(*arguments, **options):
        with suppress(BrokenBarrierError):  # one waits for the other to have written
            begun.wait(0.2)
        write(*arguments, **options)

    monkeypatch.setattr(gdal, "_write", write_beside)
    paths = [tmp_path / f"{number}.gpkg" for number in range(2)]
    layers = [[layer(LINES)], [layer(LINES, name=name) for name in ("edges", "nodes")]]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda layers, path: write_layers(layers, path, "gpkg"), layers, paths))
    for path in paths:
        with closing(sqlite3.connect(path)) as database:
            assert {date[:4] for (date,) in database.execute("SELECT last_change FROM gpkg_contents")} == {"2000"}


@pytest.mark.parametrize(
    ("option", "value"),
    [("OGR_SQLITE_JOURNAL", "WAL"), ("OGR_SQLITE_PRAGMA", "user_version=7"), ("OGR_CURRENT_DATE", "")],
)
def test_options_of_gdal(layer, tmp_path, monkeypatch, option, value):
    """A GeoPackage has the same bytes whatever the environment says, and options of the process stay as they were."""
    paths = [tmp_path / f"{number}.gpkg" for number in range(2)]
    write_layers([layer(LINES)], paths[0], "gpkg")
    monkeypatch.setenv(option, value)
    write_layers([layer(LINES)], paths[1], "gpkg")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    monkeypatch.delenv(option)
    assert pyogrio.get_gdal_config_option(option) is None


def test_a_geopackage_does_not_tell_which_sqlite_wrote_it(layer, tmp_path):
    """That differs between the machines of a cluster."""
    path = tmp_path / "things.gpkg"
    write_layers([layer(LINES)], path, "gpkg")
    assert path.read_bytes()[96:100] == bytes(4)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(read(path, "things")) == len(LINES)


TENSORFLOW = Path(find_spec("tensorflow").submodule_search_locations[0])
SHOWS = pytest.mark.skipif(
    not (TENSORFLOW / "python/pywrap_dlopen_global_flags.py").exists(), reason="TensorFlow keeps its SQLite to itself"
)
WRITE = """
import sys, pyarrow as pa, shapely
from pathlib import Path
from pyproj import CRS
from geoseg.vectors.layers import GEOMETRY, Layer
from geoseg.vectors.write import write_layers

table = pa.table({"geometry": [shapely.LineString([(0, 0), (1, 1)]).wkb]}, schema=pa.schema([GEOMETRY]))
more = {"geometry_type": "LineString", "crs": CRS(32633), "style": "<qgis />"}
layer = Layer(name="a", schema=table.schema, batches=table.to_batches, **more)
write_layers([layer], Path(sys.argv[1]), "gpkg")
"""


@pytest.mark.parametrize(
    ("first", "warned"),
    [
        ("import geoseg, rasterio, tensorflow", False),
        pytest.param("import tensorflow, geoseg", True, marks=SHOWS),
    ],
)
def test_sqlite_of_tensorflow(tmp_path, first, warned):
    """It does not stand in for GDAL's, which has spatial indexes, or it is said."""
    plain, beside = tmp_path / "plain.gpkg", tmp_path / "beside.gpkg"
    subprocess.run([sys.executable, "-c", WRITE, plain], check=True)
    done = subprocess.run([sys.executable, "-c", first + WRITE, beside], check=True, stderr=subprocess.PIPE, text=True)
    assert ("beside.gpkg has no spatial index" in done.stderr) == warned
    with closing(sqlite3.connect(beside)) as database:
        index = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'rtree_a_geom'").fetchone()[0]
    assert bool(index) != warned
    assert (beside.read_bytes() == plain.read_bytes()) != warned


def test_flatgeobuf_names_its_layer(layer, tmp_path):
    """The first of several layers keeps its name; a single layer is named after its file."""
    for layers, name in (([layer(LINES, name="edges"), layer([], name="nodes")], "edges"), ([layer(LINES)], "roads")):
        write_layers(layers, tmp_path / "roads.fgb", "flatgeobuf")
        assert pyogrio.list_layers(tmp_path / "roads.fgb")[0, 0] == name


def test_files_of_a_run(layer, tmp_path):
    """All files are written to the work folder, the style too."""
    wanted = name_targets("maps/things.gpkg", ["geojson", "parquet"], "scene.tif")
    write_files([layer(LINES)], wanted, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in wanted.files)
    assert (tmp_path / "things.qml").read_text() == "<qgis />"
    assert len(read(tmp_path / "things.geojson")) == 5


def test_file_that_cannot_be_written(layer, tmp_path):
    """Errors of the writing libraries become an OSError with the reason of the operating system."""
    for name, ending in VECTOR_ENDINGS.items():
        with pytest.raises(OSError, match="No such file or directory") as raised:
            write_layers([layer(LINES)], tmp_path / "none" / f"things{ending}", name)
        assert raised.value.strerror == os.strerror(errno.ENOENT)


@pytest.mark.parametrize("length", [0, 4096, 40_000, 100_000])
@pytest.mark.parametrize("name", VECTOR_ENDINGS)
def test_a_full_disk(layer, tmp_path, name, length):
    """Whatever does not fit, the reason is the operating system's, without SQL or words of a library."""
    many = [shapely.box(k, k, k + 10, k + 10).segmentize(0.2) for k in range(80)]
    layers = [layer(many, geometry_type="Polygon")]
    with files_of_at_most(length), pytest.raises(OSError, match="File too large") as raised:
        write_layers(layers, tmp_path / f"things{VECTOR_ENDINGS[name]}", name)
    assert (raised.value.errno, raised.value.strerror) == (errno.EFBIG, os.strerror(errno.EFBIG))


def test_what_a_library_says_where_the_disk_has_room(layer, tmp_path, monkeypatch):
    """SQL is left out of it, and a disk that was full then is thought of."""

    def fail(*_, **__):
        raise DataLayerError("Error: sqlite3_exec(INSERT INTO a VALUES ('b (c) failed: d')) failed: disk I/O error")

    monkeypatch.setattr(pyogrio, "write_arrow", fail)
    with pytest.raises(OSError, match="is the disk full") as raised:
        write_layers([layer(LINES)], tmp_path / "things.gpkg", "gpkg")
    assert raised.value.strerror == "Error: disk I/O error; is the disk full?"


def test_geodataframe(layer):
    """A layer becomes a GeoDataFrame in its CRS, with the columns of a GeoPackage."""
    frame = layer(LINES).to_geodataframe()
    assert frame.crs == "EPSG:32633"
    assert list(frame.columns) == ["id", "width_m", "paved", "kind", "geometry"]
    assert frame.geometry.tolist() == LINES
    assert len(layer([]).to_geodataframe()) == 0
