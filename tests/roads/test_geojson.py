import json

import numpy as np
import pyproj
import pytest
import shapely
from rasterio import Affine

from geoseg.roads.geojson import write_geojson
from geoseg.roads.ground import ground
from geoseg.roads.network import FRACTIONS, Edges, Nodes, RoadNetwork


def network_of(lines, crs, transform=None, length_m=100.0):
    """Return a network of lines given as pixels of a grid; every line has nodes of its own."""
    transform = transform or Affine.identity()
    count = len(lines)
    ids = np.arange(count)
    return RoadNetwork(
        edges=Edges(
            from_node=2 * ids + 1,
            to_node=2 * ids + 2,
            component_id=ids + 1,
            length_m=np.full(count, length_m),
            width_m=np.full(count, np.nan),
            width_sd_m=np.full(count, np.nan),
            prob_mean=np.full(count, 0.98765),
            prob_min=np.full(count, 0.5),
            gap_m=np.zeros(count),
            kind=np.zeros(count, np.uint8),
        ),
        nodes=Nodes(
            degree=np.ones(2 * count, np.int64),
            on_scene_edge=np.zeros(2 * count, np.bool_),
            vertices=np.rint(
                np.array([line[end] for line in lines for end in (0, -1)]).reshape(-1, 2) * FRACTIONS
            ).astype(np.int32),
        ),
        start=np.concatenate([[0], np.cumsum([len(line) for line in lines])]).astype(np.int64),
        vertices=np.rint(np.concatenate([*lines, np.zeros((0, 2))]) * FRACTIONS).astype(np.int32),
        ground=ground(transform, crs),
    )


def features(path):
    document = json.loads(path.read_text())
    assert document["type"] == "FeatureCollection"
    return document["features"]


def test_positions_are_lon_lat_with_seven_decimals(tmp_path):
    """Lines reach the file in WGS 84 within a centimetre of where they lie, ids and attributes beside them."""
    line = np.array([[10.25, 20.5], [300.0, 44.125], [301.0, 290.0]])
    transform = Affine(0.5, 0, 691_000, 0, -0.5, 5_336_000)
    write_geojson(network_of([line, line + 9], "EPSG:32632", transform), tmp_path / "roads.geojson")
    found = features(tmp_path / "roads.geojson")
    to_utm = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:32632", always_xy=True)
    for feature, pixels in zip(found, (line, line + 9), strict=True):
        positions = np.array(feature["geometry"]["coordinates"])
        np.testing.assert_array_equal(positions, np.round(positions, 7))
        x, y = to_utm.transform(*positions.T)
        np.testing.assert_allclose(np.column_stack([x, y]), [transform @ tuple(p) for p in pixels], atol=0.012)
    assert found[1]["properties"] == {
        "id": 2,
        "from_node": 3,
        "to_node": 4,
        "component_id": 2,
        "length_m": 100.0,
        "width_m": None,
        "width_sd_m": None,
        "prob_mean": 0.988,
        "prob_min": 0.5,
        "gap_m": 0.0,
        "kind": "road",
    }


def test_empty_network_is_a_valid_collection(tmp_path):
    """No roads make a FeatureCollection without features."""
    write_geojson(network_of([], "EPSG:32632"), tmp_path / "none.geojson")
    assert features(tmp_path / "none.geojson") == []


@pytest.mark.parametrize("shift", [0, 360])
def test_line_is_cut_at_the_antimeridian(tmp_path, shift):
    """A line across ±180° becomes two that meet there, and keeps the length of the whole (RFC 7946, 3.1.9)."""
    line = np.array([(179.5, 10.0), (180.5 if shift else -179.5, 11.0)])
    write_geojson(network_of([line], "OGC:CRS84", length_m=313.2), tmp_path / "roads.geojson")
    (feature,) = features(tmp_path / "roads.geojson")
    assert feature["geometry"] == {
        "type": "MultiLineString",
        "coordinates": [[[179.5, 10.0], [180.0, 10.5]], [[-180.0, 10.5], [-179.5, 11.0]]],
    }
    assert feature["properties"]["length_m"] == 313.2


@pytest.mark.parametrize("west_to_east", [True, False])
def test_line_that_turns_back_at_the_antimeridian(tmp_path, west_to_east):
    """Two passes make three parts in either direction, none of them longer than a hemisphere."""
    line = [(179.5, 0.0), (180.5, 0.0), (179.5, 0.25)] if west_to_east else [(180.5, 0.0), (179.5, 0.0), (180.5, 0.25)]
    write_geojson(network_of([np.array(line)], "OGC:CRS84"), tmp_path / "roads.geojson")
    (feature,) = features(tmp_path / "roads.geojson")
    parts = feature["geometry"]["coordinates"]
    assert len(parts) == 3
    assert all(np.ptp(np.array(part)[:, 0]) <= 0.5 + 1e-9 for part in parts)
    assert sum(shapely.LineString(part).length for part in parts) == pytest.approx(shapely.LineString(line).length)


def test_line_that_ends_on_the_antimeridian_is_whole(tmp_path):
    """A part without length is not written."""
    lines = [np.array([(179.5, 0.0), (180.0, 0.0)]), np.array([(180.0, 0.0), (180.5, 0.0)])]
    write_geojson(network_of(lines, "OGC:CRS84"), tmp_path / "roads.geojson")
    kinds = [feature["geometry"]["type"] for feature in features(tmp_path / "roads.geojson")]
    assert kinds == ["LineString", "LineString"]
