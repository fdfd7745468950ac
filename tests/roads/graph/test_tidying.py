"""What becomes of bumps, holes, haze and corners: the graph is that of the roads, not of the skeleton."""

import numpy as np
import pytest

from geoseg.roads.settings import RoadSettings


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


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.7, 0.95])
def test_certain_roads_meet_any_threshold(trace_levels, threshold):
    """What is surely a road is one at every threshold, side roads and dead ends too."""
    roads = [(slice(26, 34), slice(10, 290), 254), (slice(34, 90), slice(146, 154), 254)]
    network = trace_levels(level_road((120, 300), *roads), RoadSettings(threshold=threshold))
    assert sorted(network.nodes.degree.tolist()) == [1, 1, 1, 3]


def test_thin_roads_of_masks_are_not_faint(trace_levels):
    """A road one pixel wide is faint once it is smoothed; of a mask, it stays."""
    thin = level_road((120, 300), (slice(60, 61), slice(10, 290), 254))
    assert len(trace_levels(thin, gsd=0.5)) == 0
    (length,) = trace_levels(thin, RoadSettings(certain=True), gsd=0.5).edges.length_m
    assert length == pytest.approx(140, abs=3)


def test_carriageways_are_crossed_one_by_one(trace_levels, paint):
    """A street across two carriageways, 13 m from axis to axis, meets each of them in a node of its own."""
    carriageways = paint((200, 300), [[(-5, 90), (305, 90)], [(-5, 103), (305, 103)]], width=7)
    street = paint((200, 300), [[(150, -5), (150, 205)]], width=6)
    network = trace_levels(np.where(carriageways | street, 254, 0).astype(np.uint8))
    assert sorted(network.nodes.degree.tolist()) == [1] * 6 + [4] * 2
    crossings = network.nodes.vertices[network.nodes.degree == 4] / 1024
    np.testing.assert_allclose(sorted(crossings.tolist()), [(150, 90), (150, 103)], atol=1)


@pytest.mark.parametrize("ends", [((-9, -9), (309, 309)), ((-9, 180), (309, 20)), ((-9, 40), (120, 309))])
def test_roads_leave_the_scene_at_any_angle(trace_levels, paint, ends):
    """Roads that leave by a corner, or at an acute angle, end on the scene's edge and say so."""
    for width in (3, 8):
        network = trace_levels(np.where(paint((300, 300), [ends], width=width), 254, 0).astype(np.uint8))
        assert len(network) == 1
        assert network.nodes.on_scene_edge.all()


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
