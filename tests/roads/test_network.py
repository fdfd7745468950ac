"""What becomes of chains at nodes, on graphs drawn by hand: half-widths are 2 m, a pixel is a metre."""

from itertools import pairwise

import numpy as np
import pytest

from geoseg.roads.chains import Chain
from geoseg.roads.network import Network
from geoseg.roads.road import RoadSettings

WIDTH = 1000
A, B, C, D = (100, 100), (300, 100), (200, 100), (200, 300)


def chain(*corners, degrees=None):
    """Return the chain through corners (column, row), along rows and columns only."""
    pixels = [corners[0]]
    for (c0, r0), (c1, r1) in pairwise(corners):
        steps = abs(c1 - c0) + abs(r1 - r0)
        pixels += [(c0 + (c1 - c0) * k // steps, r0 + (r1 - r0) * k // steps) for k in range(1, steps + 1)]
    ids = np.array([row * WIDTH + column for column, row in pixels])
    return Chain(pixels=ids, half_width_m=np.full(len(ids), 2, np.float32), degrees=degrees)


def add(network, *chains):
    return list(network.add(chains, np.eye(2)))


@pytest.fixture
def network():
    return Network(WIDTH, RoadSettings())


def end_points(edge):
    return sorted(tuple(end.point - 0.5) for end in edge.ends)


def test_edge_is_held_until_both_nodes_are_complete(network):
    """An edge leaves once no chain can arrive at its nodes any more, and not before."""
    assert add(network, chain(A, C, degrees=(1, 3))) == []
    assert add(network, chain(C, B, degrees=(3, 1))) == []
    edges = add(network, chain(C, D, degrees=(3, 1)))
    assert [end_points(edge) for edge in edges] == [[A, C], [C, B], [C, D]]
    assert [end.dead_end for edge in edges for end in edge.ends].count(True) == 3


def test_spur_joins_its_neighbours(network):
    """Without its side road of 8 m a road is one edge again, in one piece."""
    (edge,) = add(
        network, chain(A, C, degrees=(1, 3)), chain(B, C, degrees=(1, 3)), chain(C, (200, 108), degrees=(3, 1))
    )
    assert end_points(edge) == [A, B]
    np.testing.assert_array_equal(np.abs(np.diff(edge.points, axis=0)).sum(axis=1), 1)


def test_fork_at_the_end_of_a_road_keeps_its_longer_tine(network):
    """A road does not lose its end because it is forked there."""
    tines = chain(C, (200, 104), degrees=(3, 1)), chain(C, (206, 100), degrees=(3, 1))
    (edge,) = add(network, chain(A, C, degrees=(1, 3)), *tines)
    assert end_points(edge) == [A, (206, 100)]


def test_edges_beside_an_unfinished_twig_wait(network):
    """A short edge whose far end is unknown may turn out a spur: until then the roads that it joins are not final."""
    fork = (200, 109)
    roads = chain(A, C, degrees=(1, 3)), chain(B, C, degrees=(1, 3)), chain(C, fork, degrees=(3, 3))
    assert add(network, *roads) == []
    tines = chain(fork, (200, 109 + 3), degrees=(3, 1)), chain(fork, (203, 109), degrees=(3, 1))
    edges = add(network, *tines)
    # Fork and longer tine are 12 m together: more than a spur.
    assert len(edges) == 3
    network = Network(WIDTH, RoadSettings(min_spur_m=13))
    assert add(network, *roads) == []
    (edge,) = add(network, *tines)
    assert end_points(edge) == [A, B]


def test_near_junctions_are_one_node_of_four_roads(network):
    """Two junctions 5 m apart, with half-widths of 2 m, become one node half-way between."""
    other = (205, 100)
    edges = add(
        network,
        chain(A, C, degrees=(1, 3)),
        chain(C, other, degrees=(3, 3)),
        chain(C, D, degrees=(3, 1)),
        chain(other, B, degrees=(3, 1)),
        chain(other, (205, 20), degrees=(3, 1)),
    )
    assert len(edges) == 4
    assert {tuple(end.point) for edge in edges for end in edge.ends if not end.dead_end} == {(203.0, 100.5)}


def test_way_around_merged_junctions_is_no_loop(network):
    """What went around between two merged junctions, less than 20 m long, goes too; the through road is one."""
    other = (205, 100)
    (edge,) = add(
        network,
        chain(A, C, degrees=(1, 3)),
        chain(C, (200, 103), (205, 103), other, degrees=(3, 3)),
        chain(C, other, degrees=(3, 3)),
        chain(other, B, degrees=(3, 1)),
    )
    assert end_points(edge) == [A, B]


def test_ring_without_its_spur_is_a_ring(network):
    """A loop whose only side road was a spur is a closed ring without nodes, wherever it was cut."""
    loop = chain(A, B, (300, 200), (100, 200), A, degrees=(3, 3))
    (ring,) = add(network, loop, chain(A, (95, 100), degrees=(3, 1)))
    assert ring.ends is None
    np.testing.assert_array_equal(ring.points[0], ring.points[-1])


def test_two_ways_between_two_places_are_kept(network):
    """Parallel edges, as around a block, stay two."""
    around = chain(C, (200, 150), (260, 150), (260, 100), degrees=(3, 3))
    edges = add(
        network,
        chain(A, C, degrees=(1, 3)),
        around,
        chain(C, (260, 100), degrees=(3, 3)),
        chain((260, 100), B, degrees=(3, 1)),
    )
    assert sorted(map(end_points, edges)) == [[A, C], [C, (260, 100)], [C, (260, 100)], [(260, 100), B]]
