"""The graph does not depend on how lines are drawn."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from synthetic_roads import random_streets

from geoseg.evaluation.roads.noding import TOUCH_M, road_graph


def lines_of(*lines):
    shapes = np.empty(len(lines), object)
    shapes[:] = [shapely.LineString(line) for line in lines]
    return shapes


def same(one, other):
    """Whether two graphs are the same to the last bit."""
    return (
        [line.wkb for line in one.lines] == [line.wkb for line in other.lines]
        and np.array_equal(one.place, other.place)
        and np.array_equal(one.ends, other.ends)
    )


def test_lines_meet_at_common_vertices(network):
    """A junction in the middle of a line is a node, as in OpenStreetMap; other vertices are not."""
    graph = network([(0, 0), (50, 0), (70, 3), (100, 0)], [(50, 0), (50, 40)])
    assert sorted(graph.degree.tolist()) == [1, 1, 1, 3]
    assert sorted(graph.length_m) == pytest.approx(sorted([50, 40, np.hypot(20, 3) + np.hypot(30, 3)]))


def test_crossings_are_no_junctions(network):
    """Lines that cross without a shared vertex are not connected."""
    graph = network([(0, 0), (100, 0)], [(50, -50), (50, 50)])
    assert graph.degree.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("gap", [0, 0.8 * TOUCH_M, -0.8 * TOUCH_M])
def test_an_end_on_a_line_is_a_junction(network, gap):
    """A street that ends within centimetres of another joins it, as do two in one place, and one on a corner."""
    graph = network([(0, 0), (100, 0), (200, 0)], [(30, gap), (30, 50)], [(30, gap), (30, -50)], [(100, gap), (100, 9)])
    degrees = {tuple(place.round().tolist()): degree for place, degree in zip(graph.place, graph.degree, strict=True)}
    assert degrees[30, 0] == 4
    assert degrees[100, 0] == 3
    assert len(graph.lines) == 6
    assert road_graph(lines_of([(0, 0), (9, 0)], [(5, 2 * TOUCH_M), (5, 5)])).degree.max() == 1


def test_two_lines_that_nearly_meet_are_one(network):
    """Ends within centimetres of each other are one vertex."""
    graph = network([(0, 0), (50, 0)], [(50, 0.8 * TOUCH_M), (90, 0)])
    assert len(graph.lines) == 1
    assert graph.degree.tolist() == [1, 1]


def test_what_is_drawn_twice_counts_once(network):
    """Copies, reversed copies and copies of a part add nothing."""
    line = [(0, 0), (50, 10), (100, 0)]
    assert same(network(line, line, line[::-1], line[:2]), network(line))


def test_dense_vertices_stay(network):
    """Vertices of a road closer than the tolerance of ends are not merged."""
    dense = [(x / 100, 0) for x in range(1001)]
    assert network(dense).length_m.sum() == pytest.approx(10)


def test_rings_and_points_of_lines(network):
    """A ring without a junction has one node; lines without length are dropped; no lines make an empty graph."""
    ring = network([(0, 0), (10, 0), (10, 10), (0, 0)], [(50, 50), (50, 50)])
    assert ring.degree.tolist() == [2]
    assert ring.length_m.sum() == pytest.approx(20 + np.sqrt(200))
    assert len(network().lines) == 0


@given(seed=st.integers(0, 50), data=st.data())
def test_drawing_does_not_matter(seed, data):
    """Cut at any vertex, reversed, shuffled: the graph is the same to the last bit."""
    lines = [np.round(line, 3) for line in random_streets(seed, 300).lines]
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    drawn = []
    for line in lines:
        cuts = np.unique(rng.integers(1, len(line), 2)) if len(line) > 2 else []
        pieces = np.split(np.arange(len(line)), cuts)
        for piece in pieces:
            part = line[piece[0] : piece[-1] + 2]
            if len(part) > 1:
                drawn.append(part[::-1] if rng.random() < 0.5 else part)
    rng.shuffle(drawn)
    assert same(road_graph(lines_of(*drawn)), road_graph(lines_of(*lines)))
