"""GeoPackage, FlatGeobuf and GeoParquet, read back by other libraries."""

import sqlite3
import warnings
from contextlib import closing
from xml.etree import ElementTree as Xml

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from geoseg.roads import write_roads
from geoseg.vectors.formats import VECTOR_ENDINGS

ATTRIBUTES = [
    *("id", "from_node", "to_node", "component_id", "length_m", "width_m", "width_sd_m"),
    *("prob_mean", "prob_min", "gap_m", "kind"),
]


@pytest.fixture(scope="module")
def network(tangle, trace_levels):
    """Return a network with roads, a ring, an open place and gaps."""
    return trace_levels(tangle, gsd=0.5)


def read(path):
    if path.suffix == ".parquet":
        return geopandas.read_parquet(path)
    return geopandas.read_file(path, layer="edges")


@pytest.mark.parametrize("name", ["gpkg", "flatgeobuf", "parquet"])
def test_formats_hold_the_network(network, tmp_path, name):
    """Lines come back in the grid's CRS to the millimetre, attributes with their types, in the network's order."""
    path = tmp_path / f"roads{VECTOR_ENDINGS[name]}"
    write_roads(network, path, name)
    found = read(path).sort_values("id", ignore_index=True)
    assert found.crs == "EPSG:32632"
    assert list(found.columns) == [*ATTRIBUTES, "geometry"]
    assert all(found[column].dtype == np.int64 for column in ATTRIBUTES[:4])
    assert len(found) == len(network)
    for edge in range(len(network)):
        assert shapely.equals_exact(found.geometry[edge], shapely.LineString(network.line(edge)), 1e-3)
    np.testing.assert_array_equal(found["from_node"], network.edges.from_node)
    np.testing.assert_allclose(found["length_m"], network.edges.length_m, atol=0.005)
    np.testing.assert_allclose(found["width_m"], network.edges.width_m, atol=0.005)
    assert set(found["kind"]) == {"road", "ring", "plaza"}


def test_nodes_are_where_edges_end(network, tmp_path):
    """Layer `nodes` has one point for each end that edges name, with its degree; edges end there exactly."""
    path = tmp_path / "roads.gpkg"
    write_roads(network, path, "gpkg")
    nodes = geopandas.read_file(path, layer="nodes").set_index("node_id")
    edges = geopandas.read_file(path, layer="edges")
    ends = np.concatenate([edges["from_node"], edges["to_node"]])
    assert sorted(set(ends.tolist())) == sorted(nodes.index)
    np.testing.assert_array_equal(np.bincount(ends)[nodes.index], nodes["degree"])
    corners = shapely.get_coordinates([line.boundary if not line.is_ring else line for line in edges.geometry])
    assert set(map(tuple, shapely.get_coordinates(nodes.geometry))) <= set(map(tuple, corners))
    for edge in edges.itertuples():
        assert edge.geometry.coords[0] == nodes.geometry[edge.from_node].coords[0]
        assert edge.geometry.coords[-1] == nodes.geometry[edge.to_node].coords[0]
    assert (nodes["degree"][nodes["on_scene_edge"]] == 1).all()
    assert nodes["on_scene_edge"].any()


def test_geopackage_carries_its_styles(network, tmp_path):
    """Both layers have a style that QGIS uses by default, and nothing in the file tells when it was made."""
    path, again = tmp_path / "roads.gpkg", tmp_path / "again.gpkg"
    write_roads(network, path, "gpkg")
    with closing(sqlite3.connect(path)) as database:
        columns = dict(database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns"))
        styles = database.execute(
            "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        ).fetchall()
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [(name, column, default) for name, column, default, _ in styles] == [
        (name, columns[name], 1) for name in ("edges", "nodes")
    ]
    values = [category.attrib["value"] for category in Xml.fromstring(styles[0][3]).iter("category")]
    assert values == ["road", "ring", "plaza"]
    write_roads(network, again, "gpkg")
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", VECTOR_ENDINGS)
def test_empty_network_can_be_opened(trace_levels, tmp_path, name):
    """No roads make a file without features, with all fields."""
    path = tmp_path / f"roads{VECTOR_ENDINGS[name]}"
    write_roads(trace_levels(np.zeros((40, 40), np.uint8)), path, name)
    if name == "parquet":
        found = geopandas.read_parquet(path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a GeoPackage has two layers
            found = pyogrio.read_dataframe(path)
    assert len(found) == 0
    if name != "geojson":  # which has no schema
        assert [column for column in found.columns if column != "geometry"] == ATTRIBUTES
