"""Gaps are closed where probabilities suggest that the road continues."""

import numpy as np
import pytest


@pytest.mark.parametrize(("level", "edges"), [(50, 1), (40, 1), (10, 2), (0, 2)])
def test_gap_needs_evidence(trace_levels, paint_bands, level, edges):
    """Two collinear roads 16 m apart are joined if the probability between them is 0.1 or more."""
    across = slice(46, 54)
    levels = paint_bands(
        (100, 300), (across, slice(10, 140), 254), (across, slice(140, 156), level), (across, slice(156, 290), 254)
    )
    network = trace_levels(levels)
    assert len(network) == edges
    inferred = network.edges.gap_m.sum()
    assert inferred == (pytest.approx(16, abs=4) if edges == 1 else 0)
    if edges == 1:
        assert network.edges.length_m[0] == pytest.approx(280, abs=3)


def test_dead_end_meets_the_road_ahead(trace_levels, paint_bands):
    """A side road that stops 12 m short of a road is extended to it if there is some probability between them."""
    levels = paint_bands(
        (200, 300),
        (slice(26, 34), slice(10, 290), 254),
        (slice(34, 46), slice(146, 154), 60),
        (slice(46, 190), slice(146, 154), 254),
    )
    network = trace_levels(levels)
    assert sorted(network.nodes.degree.tolist()) == [1, 1, 1, 3]
    junction = network.node_points()[network.nodes.degree == 3][0]
    np.testing.assert_allclose(junction, [500_150, 1_000_000 - 30], atol=1.5)
    assert network.edges.gap_m.max() == pytest.approx(12, abs=4)


def test_ring_is_cut_where_a_road_meets_it(trace_levels):
    """A road that stops short of a roundabout is extended to a node on the ring, which becomes a loop."""
    y, x = np.mgrid[:200, :300]
    levels = np.where(np.abs(np.hypot(y - 100, x - 80) - 40) < 4, 254, 0).astype(np.uint8)
    levels[96:104, 124:135] = 60
    levels[96:104, 135:290] = 254
    network = trace_levels(levels)
    assert sorted(network.nodes.degree.tolist()) == [1, 3]
    loop = network.edges.from_node == network.edges.to_node
    assert loop.sum() == 1
    assert network.edges.length_m[loop][0] == pytest.approx(2 * np.pi * 40, rel=0.03)


def test_parallel_dead_ends_stay_apart(trace_levels):
    """Dead ends that do not face each other are not joined, however close and probable."""
    levels = np.full((120, 300), 40, np.uint8)
    levels[40:47, 10:150] = 254
    levels[60:67, 10:150] = 254
    assert trace_levels(levels).edges.gap_m.sum() == 0
