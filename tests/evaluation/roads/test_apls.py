import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_roads import random_streets

from geoseg.evaluation.roads.apls import apls
from geoseg.evaluation.roads.noding import line_graph


def grid_streets(columns, rows, step=100.0):
    """Return the blocks of a street grid."""
    across = [[(c * step, r * step), ((c + 1) * step, r * step)] for r in range(rows) for c in range(columns - 1)]
    down = [[(c * step, r * step), (c * step, (r + 1) * step)] for r in range(rows - 1) for c in range(columns)]
    return [np.array(line) for line in across + down]


def test_a_network_is_like_itself():
    """A network compared with itself scores 1."""
    streets = random_streets(1, 500).truth
    assert apls(streets, streets).harmonic == pytest.approx(1)


def test_detour_by_closed_form():
    """A square of side 100 without one side loses the places on it; its ends are 300 apart instead of 100."""
    square = grid_streets(2, 2)
    score = apls(line_graph(square), line_graph(square[1:]), step_m=1000)
    # Six pairs of corners: the two diagonals keep their 200, three sides are there, one has become three times as long.
    assert score.reference_to_found == pytest.approx(1 - 1 / 6)
    # From the three sides there is but one pair that has a shorter way in the truth: 300 against 100.
    assert score.found_to_reference == pytest.approx(1 - (2 / 3) / 6)
    assert score.arithmetic == pytest.approx((5 / 6 + 8 / 9) / 2)
    assert score.harmonic == pytest.approx(2 * (5 / 6) * (8 / 9) / (5 / 6 + 8 / 9))


def test_empty_networks():
    """Against an empty network the score is 0; two empty networks score 1."""
    streets, none = line_graph(grid_streets(2, 2)), line_graph([])
    assert apls(streets, none).harmonic == 0
    assert apls(none, none).harmonic == 1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), lost=st.integers(0, 30))
def test_paths_are_those_of_networkx(seed, lost):
    """The mean over all pairs of nodes agrees with NetworkX's paths."""
    rng = np.random.default_rng(seed)
    truth = grid_streets(4, 3, step=40.0)
    found = [line for line in truth if rng.random() * 100 >= lost]
    if not found:
        return
    score = apls(line_graph(truth), line_graph(found), step_m=1000, snap_m=1)
    one, other = (nx.Graph([(tuple(line[0]), tuple(line[1])) for line in lines]) for lines in (truth, found))
    losses = []
    for a in sorted(one):
        for b in sorted(one):
            if a < b and nx.has_path(one, a, b):
                there = a in other and b in other and nx.has_path(other, a, b)
                direct = nx.shortest_path_length(one, a, b)
                way = nx.shortest_path_length(other, a, b) if there else np.inf
                losses.append(min(abs(direct - way) / direct, 1))
    assert score.reference_to_found == pytest.approx(1 - np.mean(losses))


def test_a_ring_too_short_for_a_path():
    """A turning circle has one place, which is found or not."""
    ring = line_graph([np.array([(0.0, 0.0), (5, 0), (5, 5), (0, 0)])])
    far = line_graph([np.array([(50.0, 0.0), (55, 0), (55, 5), (50, 0)])])
    assert (apls(ring, ring).harmonic, apls(ring, far).harmonic) == (1, 0)
