"""Shortest paths between stops."""

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from synthetic_roads import random_streets

from geoseg.evaluation.roads import routing
from geoseg.evaluation.roads.noding import road_graph
from geoseg.evaluation.roads.routing import even_stops, snap, spaced_stops


def lengths(graph, stops, sources, **limits):
    return np.concatenate([way for _, way in routing.path_lengths(graph, stops, sources, **limits)])


@given(seed=st.integers(0, 200), step=st.sampled_from([7.0, 50.0]))
def test_ways_are_those_of_networkx(seed, step):
    """Path lengths agree with NetworkX on lines cut at their stops."""
    graph = random_streets(seed, 300).truth
    stops = spaced_stops(graph, step)
    nodes = nx.Graph()
    for number, (first, last) in enumerate(graph.ends.tolist()):
        on = np.flatnonzero((stops.edge == number) & (stops.along_m > 0) & (stops.along_m < graph.length_m[number]))
        on = on[np.argsort(stops.along_m[on])]
        chain = [("node", first), *(("stop", stop) for stop in on.tolist()), ("node", last)]
        along = [0, *stops.along_m[on], graph.length_m[number]]
        for one, other, metres in zip(chain, chain[1:], np.diff(along), strict=False):
            nodes.add_edge(
                one, other, weight=min(metres, nodes.get_edge_data(one, other, {"weight": np.inf})["weight"])
            )
    name = {}
    for stop in range(len(stops.edge)):
        at_end = np.flatnonzero((np.abs(graph.place - stops.place[stop]) < 1e-6).all(axis=1))
        name[stop] = ("node", int(at_end[0])) if len(at_end) else ("stop", stop)
    found = lengths(graph, stops, np.array([0, len(stops.edge) - 1]))
    for row, source in zip(found, (0, len(stops.edge) - 1), strict=True):
        expected = nx.single_source_dijkstra_path_length(nodes, name[source])
        wanted = [expected.get(name[stop], np.inf) for stop in range(len(stops.edge))]
        np.testing.assert_allclose(row, wanted, atol=1e-4)


def test_a_few_sources_at_a_time():
    """The batch size does not change path lengths."""
    graph = random_streets(3, 300).truth
    stops = spaced_stops(graph, 20)
    sources = np.arange(len(stops.edge))
    whole = lengths(graph, stops, sources)
    batch = 3 * (len(stops.edge) + len(graph.place))
    assert len(list(routing.path_lengths(graph, stops, sources, batch=batch))) > 10
    assert np.array_equal(lengths(graph, stops, sources, batch=batch), whole)
    limited = lengths(graph, stops, sources, limit_m=100, batch=batch)
    assert np.array_equal(limited, np.where(whole <= 100, whole, np.inf))


def test_stops_are_spaced(network):
    """Stops are nodes and points between: lines of 100 m and 40 m have one each with a step of 50 m."""
    graph = network([(0, 0), (100, 0)], [(100, 0), (100, 40)], [(100, 0), (130, 0)])
    stops = spaced_stops(graph, 50)
    places = sorted(map(tuple, stops.place.round(6).tolist()))
    assert places == [(0, 0), (50, 0), (100, 0), (100, 20), (100, 40), (130, 0)]


def test_even_stops_are_even(network):
    """Stops are on the lines, a step apart, and half a step from the ends."""
    points = even_stops(network([(0, 0), (10.0, 0), (10, 5)]), 1.0).place
    line = shapely.LineString([(0, 0), (10, 0), (10, 5)])
    np.testing.assert_allclose([line.project(shapely.Point(p)) for p in points], np.arange(15) + 0.5)


@given(lengths_m=st.lists(st.floats(0.5, 40), min_size=1, max_size=30))
def test_short_lines_have_few_stops(lengths_m):
    """Lines of any lengths have one stop for each step of their sum: cutting a road in pieces adds none."""
    ends = np.cumsum([0, *lengths_m])
    # Pieces that do not touch stay lines of their own.
    lines = [shapely.LineString([(left, row), (right, row)]) for row, (left, right) in enumerate(pairwise(ends))]
    found = even_stops(road_graph(np.array(lines)), 5.0)
    assert abs(len(found.edge) - ends[-1] / 5) <= 0.5 + 1e-9


def test_snapping(network):
    """Places snap to the nearest line within reach."""
    graph = network([(0, 0), (100, 0)], [(0, 5), (100, 5)])
    which, snapped = snap(graph, np.array([(10.0, 1.0), (20.0, 4.0), (30.0, -9.0)]), 4)
    assert which.tolist() == [0, 1]
    assert snapped.place.tolist() == [[10, 0], [20, 5]]
    assert snapped.along_m == pytest.approx([10, 20])
