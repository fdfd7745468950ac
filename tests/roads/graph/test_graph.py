from itertools import pairwise

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geoseg.roads.graph.bridges import Bridges, add_bridges
from geoseg.roads.graph.graph import Graph, Parts, dissolve, label_components
from geoseg.roads.settings import RoadSettings
from geoseg.roads.skeleton.grid_settings import grid_settings

GRID = grid_settings((1, 10_000), np.eye(2), RoadSettings())


@st.composite
def graphs(draw):
    """Draw multigraphs whose edges are consecutive runs of pixels in a grid one pixel high."""
    nodes = draw(st.integers(1, 9))
    ends = draw(st.lists(st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)), max_size=14))
    sizes = np.array(draw(st.lists(st.integers(1, 9), min_size=len(ends), max_size=len(ends))), np.int64)
    last = np.cumsum(sizes) - 1
    first = last - sizes + 1
    turned = np.array(draw(st.lists(st.booleans(), min_size=len(ends), max_size=len(ends))), np.bool_)
    parts = Parts(first=first, last=last, first_id=first, last_id=last).turned(turned)
    return Graph(
        place=np.column_stack([np.arange(nodes) * 500.0 + 5000, np.zeros(nodes)]),
        half_width_m=np.ones(nodes),
        ends=np.array(ends, np.int64).reshape(-1, 2),
        length_m=sizes.astype(float),
        gap_m=np.zeros(len(ends)),
        start=np.arange(len(ends) + 1),
        parts=parts,
    )


def pixels(graph, edge):
    found = []
    for part in range(graph.start[edge], graph.start[edge + 1]):
        first, last = graph.parts.first[part], graph.parts.last[part]
        assert graph.parts.first_id[part] == first
        assert graph.parts.last_id[part] == last
        found += range(first, last + 1) if first <= last else range(first, last - 1, -1)
    return found


def as_networkx(graph):
    made = nx.MultiGraph()
    made.add_edges_from(graph.ends[graph.ends[:, 0] >= 0].tolist())
    return made


@settings(deadline=None)  # the first call compiles
@given(graph=graphs())
def test_dissolved_graphs_have_no_node_of_degree_two(graph):
    """Every pixel stays in one edge; total length, other degrees and components do not change."""
    done = dissolve(graph)
    assert 2 not in done.degree
    every = sorted(pixel for edge in range(len(graph.ends)) for pixel in pixels(graph, edge))
    assert sorted(pixel for edge in range(len(done.ends)) for pixel in pixels(done, edge)) == every
    np.testing.assert_allclose(done.length_m.sum(), graph.length_m.sum())
    kept = graph.degree != 2
    np.testing.assert_array_equal(done.degree[kept], graph.degree[kept])
    rings = int((done.ends[:, 0] < 0).sum())
    before = nx.number_connected_components(as_networkx(graph))
    assert nx.number_connected_components(as_networkx(done)) + rings == before
    assert len(set(label_components(done).tolist())) == before


@settings(deadline=None)  # the first call compiles
@given(graph=graphs(), data=st.data())
def test_edges_run_from_node_to_node(graph, data):
    """Consecutive parts of a dissolved edge share the node between them."""
    ends_of = {}
    for edge, (one, other) in enumerate(graph.ends.tolist()):
        run = pixels(graph, edge)
        ends_of.setdefault(run[0], set()).add(one)
        ends_of.setdefault(run[-1], set()).add(other)
    done = dissolve(graph)
    for edge in range(len(done.ends)):
        runs = [done.parts[np.array([part])] for part in range(done.start[edge], done.start[edge + 1])]
        for before, after in pairwise(runs):
            assert ends_of[int(before.last[0])] & ends_of[int(after.first[0])]
        if done.ends[edge, 0] >= 0:
            assert int(done.ends[edge, 0]) in ends_of[int(runs[0].first[0])]
            assert int(done.ends[edge, 1]) in ends_of[int(runs[-1].last[0])]


@settings(deadline=None)  # the first call compiles
@given(graph=graphs(), data=st.data())
def test_bridges_cut_edges(graph, data):
    """Bridges cut edges and rings at the pixel they meet, and no pixel is lost."""
    graph = dissolve(graph)
    edges = len(graph.ends)
    if not edges:
        return
    count = data.draw(st.integers(1, 6))
    part = np.array(data.draw(st.lists(st.integers(0, graph.parts.first.size - 1), min_size=count, max_size=count)))
    low = np.minimum(graph.parts.first[part], graph.parts.last[part])
    size = np.abs(graph.parts.first[part] - graph.parts.last[part]) + 1
    at = low + np.array(data.draw(st.lists(st.integers(0, 8), min_size=count, max_size=count))) % size
    tail = np.zeros(count, np.int64)
    bridges = Bridges(
        tail=tail, head=tail - 1, part=part, at=at, pixel=at, length_m=np.ones(count), gap_m=np.full(count, 0.5)
    )
    done = add_bridges(graph, bridges, GRID)
    assert (done.ends[-count:, 0] == 0).all()
    for bridge in range(count):
        node = done.ends[len(done.ends) - count + bridge, 1]
        assert done.place[node].tolist() == [at[bridge] + 0.5, 0.5]
    before = {pixel for edge in range(edges) for pixel in pixels(graph, edge)}
    assert {pixel for edge in range(len(done.ends)) for pixel in pixels(done, edge)} == before
    np.testing.assert_allclose(done.length_m.sum(), graph.length_m.sum() + count)
    np.testing.assert_allclose(done.gap_m.sum(), graph.gap_m.sum() + count / 2)
    for edge in range(len(done.ends) - count):
        run = pixels(done, edge)
        for end, pixel in zip(done.ends[edge].tolist(), (run[0], run[-1]), strict=True):
            if end in done.ends[-count:, 1]:
                assert done.place[end, 0] == pixel + 0.5
