"""Bridges across gaps meet where they cross."""

import numpy as np
import pytest


@pytest.mark.parametrize("radius", [15, 25, 40])
@pytest.mark.parametrize("angle", [60, 90, 120])
def test_a_crossing_under_trees_is_a_junction(trace_levels, paint, radius, angle):
    """Two roads whose crossing is hidden, with some probability left, meet in one node on both axes."""
    ways = [np.array([np.cos(turn), np.sin(turn)]) for turn in (0, np.radians(angle))]
    roads = paint((300, 300), [[150 - 140 * way, 150 + 140 * way] for way in ways], width=6)
    y, x = np.mgrid[:300, :300] + 0.5
    levels = np.where(roads, np.where(np.hypot(x - 150, y - 150) < radius, 50, 254), 0).astype(np.uint8)
    network = trace_levels(levels)
    assert sorted(network.nodes.degree.tolist()) == [1, 1, 1, 1, 4]
    junction = network.node_points()[network.nodes.degree == 4][0]
    np.testing.assert_allclose(junction, [500_150, 1_000_000 - 150], atol=1.5)
    np.testing.assert_allclose(network.edges.length_m, 140 / 0.9996, atol=3)
    assert network.edges.gap_m.sum() == pytest.approx(4 * radius, abs=8)


def test_three_roads_under_one_tree(trace_levels, paint):
    """Three roads that cross under trees form one network without dead ends there."""
    ways = [np.array([np.cos(turn), np.sin(turn)]) for turn in np.radians([0, 60, 120])]
    roads = paint((300, 300), [[150 - 140 * way, 150 + 140 * way] for way in ways], width=6)
    y, x = np.mgrid[:300, :300] + 0.5
    levels = np.where(roads, np.where(np.hypot(x - 150, y - 150) < 20, 50, 254), 0).astype(np.uint8)
    network = trace_levels(levels)
    assert (network.nodes.degree == 1).sum() == 6
    assert set(network.edges.component_id.tolist()) == {1}
    assert network.edges.length_m.sum() == pytest.approx(6 * 140 / 0.9996, abs=15)
