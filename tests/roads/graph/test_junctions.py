from dataclasses import replace

import numpy as np
from rasterio import Affine

from geoseg.roads.graph.graph import build_graph
from geoseg.roads.graph.junctions import measure_bends
from geoseg.roads.settings import NOTCH_HALF_WIDTHS
from geoseg.roads.trace import plan_tracing, trace_rows


def test_carriageways_are_crossed_one_by_one(trace_levels, paint):
    """A street across two carriageways, 13 m between axes, has a node with each."""
    carriageways = paint((200, 300), [[(-5, 90), (305, 90)], [(-5, 103), (305, 103)]], width=7)
    street = paint((200, 300), [[(150, -5), (150, 205)]], width=6)
    network = trace_levels(np.where(carriageways | street, 254, 0).astype(np.uint8))
    assert sorted(network.nodes.degree.tolist()) == [1] * 6 + [4] * 2
    crossings = network.nodes.vertices[network.nodes.degree == 4] / 1024
    np.testing.assert_allclose(sorted(crossings.tolist()), [(150, 90), (150, 103)], atol=1)


def test_crossing_roads_keep_their_axes(trace_levels, paint):
    """At a crossing of roads of different widths at 50°, lines stay on the axes and meet in one node."""
    lines = [[(10, 100), (290, 100)], [(100, 20), (235, 180)]]
    mask = paint((200, 300), lines[:1], width=12) | paint((200, 300), lines[1:], width=6)
    network = trace_levels(np.where(mask, 254, 0).astype(np.uint8))
    assert sorted(network.nodes.degree.tolist()) == [1, 1, 1, 1, 4]
    crossing = network.nodes.vertices[network.nodes.degree == 4][0] / 1024
    assert np.hypot(*(crossing - (167.5, 100))) < 1
    vertices = network.vertices / 1024
    to_first = np.abs(vertices[:, 1] - 100)
    direction = np.array([135, 160]) / np.hypot(135, 160)
    to_second = np.abs((vertices[:, 0] - 100) * direction[1] - (vertices[:, 1] - 20) * direction[0])
    assert np.minimum(to_first, to_second).max() < 1.2


def test_direction_across_a_gap(paint):
    """An edge across a gap, which has no pixels, leads straight to its other node, whichever edge precedes it."""
    crossings = np.array([(60, 60), (140, 140)])
    roads = [[(x + right, y + down) for right, down in (way, -way)] for x, y in crossings for way in 35 * np.eye(2)]
    mask = paint((200, 200), roads, width=7)
    tracing = plan_tracing(mask.shape, Affine(1, 0, 500_000, 0, -1, 1_000_000), "EPSG:32632")
    chains = trace_rows(tracing, [np.where(mask, 254, 0).astype(np.uint8)])
    graph = build_graph(chains, tracing.grid)
    junctions = np.flatnonzero(graph.degree == 4)
    np.testing.assert_allclose(graph.place[junctions], crossings, atol=1)
    half_width = graph.half_width_m[junctions]
    without = measure_bends(graph, chains, tracing.grid)
    for place in range(len(graph.ends) + 1):
        bridged = replace(
            graph,
            ends=np.insert(graph.ends, place, junctions, axis=0),
            length_m=np.insert(graph.length_m, place, 100),
            gap_m=np.insert(graph.gap_m, place, 100),
            start=np.insert(graph.start, place, graph.start[place]),
        )
        bends = measure_bends(bridged, chains, tracing.grid)
        # It bisects the right angle between two roads of each crossing, and those bend as much as it does.
        bent = half_width * NOTCH_HALF_WIDTHS / np.sin(np.pi / 8)
        np.testing.assert_allclose(bends[place], bent, rtol=0.1)
        others = np.delete(bends, place, axis=0)
        assert (others >= without).all()
        assert np.count_nonzero(others > without) == 4
