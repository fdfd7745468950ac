"""APLS of seven real pairs, SpaceNet's labels and OpenStreetMap, agrees with CosmiQ's implementation."""

import numpy as np
import pytest
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geoseg.evaluation.roads import evaluate_roads
from geoseg.evaluation.roads.apls import apls
from geoseg.evaluation.roads.local_plane import plane_around
from geoseg.evaluation.roads.noding import GRID_M, line_graph, road_graph
from geoseg.evaluation.roads.read import read_roads

# Measured with apls 0.1.0 from PyPI, its code unchanged, on Python 3.11 with networkx 2.8.8, shapely 1.8.5, pandas
# 1.5.3 and geopandas 0.10.2 (what these no longer have was put back, and the libraries of rasters were stubbed):
# `_create_gt_graph` for both, with disjoint ids, `make_graphs(linestring_delta=50, is_curved_eps=-1, max_snap_dist=4)`,
# which lets straight roads have points too, and `compute_apls_metric(min_path_length=0.001)`.
# Truth to proposal, proposal to truth, and their harmonic mean.
COSMIQ = {
    99: (0.7808, 0.7803, 0.7806),
    990: (0.4595, 0.9565, 0.6208),
    991: (0.8545, 0.6913, 0.7643),
    995: (0.5770, 0.9807, 0.7266),
    997: (0.4288, 0.8728, 0.5751),
    998: (0.4961, 0.9845, 0.6597),
    999: (0.2723, 0.9674, 0.4250),
}


@pytest.fixture
def pair(real_data):
    """Paths of SpaceNet's labels and OpenStreetMap's roads, by number."""
    folder = real_data / "spacenet_roads" / "vegas_pairs"
    return lambda number: tuple(folder / kind / f"AOI_2_Vegas_img{number}.geojson" for kind in ("spacenetroads", "osm"))


def without_what_cosmiq_loses(graph):
    """Drop rings at one node, which CosmiQ loses as duplicates, and components below 5 m."""
    kept = graph.ends[:, 0] != graph.ends[:, 1]
    links = coo_array((np.ones(kept.sum()), graph.ends[kept].T), shape=(len(graph.place),) * 2)
    _, component = connected_components(links, directed=False)
    size_m = np.bincount(component[graph.ends[:, 0]], weights=graph.length_m * kept, minlength=component.max() + 1)
    kept &= size_m[component[graph.ends[:, 0]]] >= 5
    return line_graph([shapely.get_coordinates(line) for line in graph.lines[kept]], grid_m=GRID_M)


@pytest.mark.parametrize("number", COSMIQ)
def test_apls_is_cosmiqs(pair, number):
    """Both directions and the harmonic mean agree on the roads that both implementations read.

    What is left comes from CosmiQ's UTM lengths, 0.04 % shorter: a road of just over 50 m has one point less there.
    """
    truth, found = (read_roads(path) for path in pair(number))
    plane = plane_around(truth.lines, truth.crs)
    graphs = [
        without_what_cosmiq_loses(road_graph(plane.project(each.lines, each.crs, "roads"))) for each in (truth, found)
    ]
    score = apls(*graphs)
    assert (score.reference_to_found, score.found_to_reference, score.harmonic) == pytest.approx(
        COSMIQ[number], abs=0.004
    )


def test_seven_pairs(pair):
    """Folders are matched by name; the harmonic mean is CosmiQ's, except where the reference has rings."""
    truth, found = (path.parent for path in pair(99))
    result = evaluate_roads(found, truth)
    assert len(result.pairs) == 7
    for image in result.pairs:
        number = int(image.name.removeprefix("AOI_2_Vegas_img"))
        assert image.scores.apls_harmonic == pytest.approx(COSMIQ[number][2], abs=0.02 if number >= 998 else 0.001)
    assert 17.6 < result.scores.true.length_km < 17.7
    assert 0.5 < result.scores.completeness < result.scores.correctness < 1
