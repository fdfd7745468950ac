"""`geoseg.trace_roads`: from a raster file to a network in memory, in files, and in other libraries."""

import sys

import geopandas
import networkx
import numpy as np
import pytest
import rasterio.shutil
import shapely
from geopandas.testing import assert_geodataframe_equal
from rasterio import Affine
from standins import warned

import geoseg
from geoseg.errors import UsageError

PLACE = Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000)


@pytest.fixture
def raster(tangle, write_scene):
    """Write the tangle's road probabilities."""
    return write_scene(np.minimum(tangle, 254)[None], "tangle.tif", transform=PLACE)


def test_network_and_files_agree(raster, tmp_path):
    """Without an output nothing is written; with one, files and network hold the same edges."""
    network = geoseg.trace_roads(raster, threshold=0.3)
    assert network.files == ()
    assert list(tmp_path.iterdir()) == [raster]
    written = geoseg.trace_roads(raster, tmp_path / "roads.gpkg", formats=["geojson"], threshold=0.3, workers=2)
    assert [path.name for path in written.files] == ["roads.qml", "roads.gpkg", "roads.geojson"]
    edges = geopandas.read_file(tmp_path / "roads.gpkg", layer="edges")
    for frame in (network.to_geodataframe(), written.to_geodataframe()):
        assert_geodataframe_equal(frame, edges, check_dtype=False)
    assert network.to_geodataframe().crs == "EPSG:32633"


def test_graph(raster):
    """Nodes have their position and degree, edges their attributes and lines, which end at their nodes."""
    network = geoseg.trace_roads(raster, threshold=0.3)
    graph, frame = network.to_networkx(), network.to_geodataframe().set_index("id")
    assert isinstance(graph, networkx.MultiGraph)
    assert graph.graph["crs"] == frame.crs
    assert dict(graph.degree()) == {node: values["degree"] for node, values in graph.nodes(data=True)}
    assert sorted(graph.nodes) == list(range(1, len(network.nodes.degree) + 1))
    assert sorted(key for *_, key in graph.edges(keys=True)) == frame.index.tolist()
    assert networkx.number_connected_components(graph) == frame["component_id"].nunique()
    for *_, key, values in graph.edges(keys=True, data=True):
        assert set(values) == {"id", *frame.columns}
        assert values["length_m"] == frame["length_m"][key]
        ends = [(graph.nodes[values[end]]["x"], graph.nodes[values[end]]["y"]) for end in ("from_node", "to_node")]
        assert ends == [values["geometry"].coords[0], values["geometry"].coords[-1]]
    assert shapely.length([values["geometry"] for *_, values in graph.edges(data=True)]).min() > 0


def test_graph_without_networkx(raster, monkeypatch):
    """Without networkx, the error explains how to install it."""
    network = geoseg.trace_roads(raster, threshold=0.3)
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(UsageError, match="pip install networkx"):
        network.to_networkx()


def test_empty_network(write_scene):
    """A raster without roads gives an empty network in every form."""
    network = geoseg.trace_roads(write_scene(np.zeros((1, 40, 40), np.uint8)), threshold=0.5)
    assert (len(network), len(network.to_geodataframe()), len(network.to_networkx())) == (0, 0, 0)


def test_progress(raster):
    """Progress counts all pixels."""
    calls = []
    geoseg.trace_roads(raster, threshold=0.3, progress=lambda *units: calls.append(units))
    assert calls == [(420 * 380, 420 * 380, "")]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"formats": ["gpkg"]}, "`formats` .* `output`"),
        ({"road_class": 1, "threshold": 0.5}, "`road_class`.*`threshold`.*not both"),
        ({"threshold": float("nan")}, "`threshold` must be a probability between 0 and 1, got nan"),
        ({"road_class": 1, "workers": 0}, "`workers` must be at least 1, got 0"),
    ],
)
def test_wrong_arguments(raster, wrong, message):
    """The error of contradictory or impossible arguments names them."""
    with pytest.raises(UsageError, match=message):
        geoseg.trace_roads(raster, **wrong)


def test_ids_compressed_with_loss(raster):
    """Roads of ids that JPEG may have changed are reported; probabilities may be compressed so."""
    lossy = raster.with_name("lossy.tif")
    rasterio.shutil.copy(raster, lossy, compress="jpeg")
    with warned(r"the class ids of .*lossy\.tif are compressed with loss, so that some pixels"):
        geoseg.trace_roads(lossy, road_class=254)
    geoseg.trace_roads(lossy, threshold=0.3)
