"""Layers and attributes of a network, as written to files."""

import geopandas
import numpy as np
import pytest
import shapely
from rasterio import Affine

from geoseg.roads.trace import trace_network
from geoseg.vectors.write import write_layers

ATTRIBUTES = [
    *("id", "from_node", "to_node", "component_id", "length_m", "width_m", "width_sd_m"),
    *("prob_mean", "prob_min", "gap_m", "kind"),
]


@pytest.fixture(scope="module")
def network(tangle, trace_levels):
    """Return a network with roads, a ring, a plaza and gaps."""
    return trace_levels(tangle, gsd=0.5)


def test_edges_hold_the_network(network):
    """Lines in the grid's CRS are exact to the millimetre; attributes are rounded and typed."""
    found = network.layers()[0].to_geodataframe()
    assert found.crs == "EPSG:32632"
    assert list(found.columns) == [*ATTRIBUTES, "geometry"]
    assert all(found[column].dtype == np.int64 for column in ATTRIBUTES[:4])
    assert len(found) == len(network)
    for edge in range(len(network)):
        assert shapely.equals_exact(found.geometry[edge], shapely.LineString(network.line(edge)), 1e-3)
    np.testing.assert_array_equal(found["from_node"], network.edges.from_node)
    np.testing.assert_allclose(found["length_m"], network.edges.length_m, atol=0.005)
    np.testing.assert_allclose(found["width_m"], network.edges.width_m, atol=0.005)
    np.testing.assert_array_equal(found["prob_mean"], np.round(network.edges.prob_mean, 3))
    assert found["width_m"].isna().any()
    assert set(found["kind"]) == {"road", "ring", "plaza"}


def test_nodes_are_where_edges_end(network, tmp_path):
    """Layer `nodes` has a point for each end of the edges, with its degree; edges end exactly there."""
    path = tmp_path / "roads.gpkg"
    write_layers(network.layers(), path, "gpkg")
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


def test_empty_network_has_all_fields(trace_levels):
    """Without roads, the layer is empty and has all columns."""
    found = trace_levels(np.zeros((40, 40), np.uint8)).layers()[0].to_geodataframe()
    assert len(found) == 0
    assert list(found.columns) == [*ATTRIBUTES, "geometry"]


def test_long_straight_roads_are_followed(trace_levels, tmp_path):
    """In GeoJSON, a road along a straight line of the CRS stays on it; in the CRS, it needs no vertices for that."""
    levels = np.zeros((40, 1200), np.uint8)
    levels[18:23] = 254
    network = trace_levels(levels, gsd=10)
    path = tmp_path / "roads.geojson"
    write_layers(network.layers(), path, "geojson")
    (road,) = geopandas.read_file(path).to_crs(network.placement.crs).geometry
    (line,) = network.to_geodataframe().geometry
    line_m, road_m = (np.hypot(*np.diff(each.coords, axis=0).T).max() for each in (line, road))
    assert line_m > 5000
    assert road_m < 1010
    assert road.hausdorff_distance(line) < 0.05


def test_grids_of_millions_of_rows():
    """Far down a tall grid, roads are where they are."""
    levels = np.zeros((200, 64), np.uint8)
    levels[:, 30:35] = 254
    last = 2_300_000
    first = last - len(levels)

    def read(rows, cols):
        found = np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.uint8)
        inside = slice(max(rows.start, first), max(rows.stop, first))
        found[inside.start - rows.start :] = levels[inside.start - first : inside.stop - first, cols]
        return found

    network = trace_network(read, (last, 64), Affine(1, 0, 500_000, 0, -1, 8_000_000), "EPSG:32632", block=1024)
    (line,) = network.to_geodataframe().geometry
    assert line.bounds == pytest.approx((500_032.5, 8_000_000 - last, 500_032.5, 8_000_000 - first), abs=3)
