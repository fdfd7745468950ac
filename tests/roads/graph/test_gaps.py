"""Gaps are closed where probabilities suggest that the road continues."""

import numpy as np
import pytest
from affine import Affine


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


@pytest.mark.parametrize("gap_m", [50, 62, 80, 110])
@pytest.mark.parametrize("angle", [0, 20, 45, 77])
def test_a_gap_is_closed_once(trace_levels, paint, gap_m, angle):
    """A straight road with a gap of any length is one edge: neither end is joined to the road of the other as well."""
    east, north = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    halves = [[(200 + s * east, 200 + s * north) for s in ends] for ends in ((-150, -gap_m / 2), (gap_m / 2, 150))]
    whole = [[(200 - 150 * east, 200 - 150 * north), (200 + 150 * east, 200 + 150 * north)]]
    levels = np.where(paint((400, 400), halves, width=8), 254, np.where(paint((400, 400), whole, width=8), 51, 0))
    network = trace_levels(levels.astype(np.uint8))
    assert sorted(network.nodes.degree.tolist()) == [1, 1]
    assert network.edges.length_m[0] == pytest.approx(300, abs=3)
    assert network.edges.gap_m[0] == pytest.approx(gap_m, abs=12)


@pytest.mark.parametrize(("gap_m", "edges"), [(40, 1), (100, 1), (130, 2)])
@pytest.mark.parametrize("southward", [False, True])
def test_gaps_are_measured_on_the_ground(trace_levels, paint_bands, gap_m, edges, southward):
    """At 60 degrees north, gaps are as long along the rows of a grid in degrees as down its columns."""
    step = 1 / 111_412  # a degree of latitude there
    across, stretch = (2, 1) if not southward else (1, 2)
    length, gap, width = 300 * across, gap_m * across, 8 * stretch
    middle, start = slice(50 - width // 2, 50 + width // 2), 20
    levels = paint_bands(
        (100, length + 40),
        (middle, slice(start, start + length), 51),
        (middle, slice(start, start + (length - gap) // 2), 254),
        (middle, slice(start + (length + gap) // 2, start + length), 254),
    )
    levels = np.ascontiguousarray(levels.T) if southward else levels
    network = trace_levels(levels, crs="EPSG:4326", transform=Affine(step, 0, 10, 0, -step, 60))
    assert len(network) == edges
    assert network.edges.gap_m.sum() == pytest.approx(gap_m if edges == 1 else 0, abs=3)
