"""What becomes of bumps, holes, haze and corners: the graph is that of the roads, not of the skeleton."""

import numpy as np
import pytest


def level_road(shape, *bands):
    levels = np.zeros(shape, np.uint8)
    for rows, cols, level in bands:
        levels[rows, cols] = level
    return levels


@pytest.mark.parametrize(("reach", "edges"), [(3, 1), (6, 1), (14, 3)])
def test_spurs_are_measured_from_the_edge_of_the_road(trace_levels, reach, edges):
    """A bump that stands out 3 m or 6 m is none, a side road of 14 m is one: whether the road is 8 m or 30 m wide."""
    for half in (4, 15):
        levels = level_road(
            (140, 300),
            (slice(60 - half, 60 + half), slice(10, 290), 254),
            (slice(60, 60 + half + reach), slice(145, 151), 254),
        )
        assert len(trace_levels(levels)) == edges


@pytest.mark.parametrize(("side", "edges"), [((4, 3), 1), ((3, 12), 1), ((40, 40), 4)])
def test_holes_in_a_road_are_no_islands(trace_levels, side, edges):
    """Around a small hole in a wide road leads one way; around a block of 40 m lead two."""
    levels = level_road((160, 300), (slice(74, 86), slice(10, 290), 254))
    high, long = side
    if high == 40:
        levels[54:106, 124:176] = 254
    levels[80 - high // 2 : 80 - high // 2 + high, 150 - long // 2 : 150 - long // 2 + long] = 0
    assert len(trace_levels(levels)) == edges


def test_haze_is_no_road(trace_levels):
    """A faint band between two roads is dropped; a road as faint at a single place stays whole."""
    roads = [(slice(26, 34), slice(10, 290), 254), (slice(166, 174), slice(10, 290), 254)]
    haze = trace_levels(level_road((200, 300), *roads, (slice(34, 166), slice(146, 154), 95)))
    assert len(haze) == 2
    faint = trace_levels(
        level_road((200, 300), *roads, (slice(34, 166), slice(146, 154), 230), (slice(80, 100), slice(146, 154), 95))
    )
    assert len(faint) == 5
    assert faint.edges.gap_m.sum() == 0


def test_crossing_roads_keep_their_axes(trace_levels, paint):
    """Where two roads of different widths cross at 50°, lines stay on the axes, and one node is there."""
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


def test_small_networks_go_by_length_and_probability(trace_levels):
    """A road of 30 m that touches no other stays if it is certain, and goes if it is faint."""
    certain, faint = (level_road((60, 120), (slice(26, 34), slice(40, 70), level)) for level in (254, 115))
    assert len(trace_levels(certain)) == 1
    assert len(trace_levels(faint)) == 0
