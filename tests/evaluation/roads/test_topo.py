"""TOPO counts holes and marbles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_roads import random_streets

from geoseg.evaluation.roads.topo import Topo, topo


@given(seed=st.integers(0, 50))
def test_a_network_has_its_own_topology(seed):
    """Compared with itself, every marble falls into a hole, and every hole has one."""
    streets = random_streets(seed, 300).truth
    found = topo(streets, streets)
    assert found.precision == found.recall == found.f1 == 1


def test_a_broken_road_by_closed_form(network):
    """Roads that cannot be reached from a place are missing.

    A road of 200 m has five places to look from, its ends and points every 50 m, and 40 holes around each. Of the found
    road each half has 18 marbles; from the middle of the gap one of the halves is reached, which is 10 m away.
    """
    truth = network([(0, 0), (200, 0)])
    found = topo(truth, network([(0, 0), (90, 0)], [(110, 0), (200, 0)]))
    assert (found.holes, found.marbles, found.matched) == (5 * 40, 5 * 18, 5 * 18)
    assert (found.recall, found.precision) == (0.45, 1)
    assert found.f1 == pytest.approx(0.9 / 1.45)


def test_one_marble_for_each_hole(network):
    """A road found twice leaves half of the marbles outside."""
    truth = network([(0, 0), (100, 0)])
    double = network([(0, 0), (50, 4), (100, 0)], [(0, 0), (50, -4), (100, 0)])
    found = topo(truth, double)
    assert (found.recall, found.precision) == (1, 0.5)


def test_the_radius_bounds_what_is_seen(network):
    """A long road has holes only within the radius of a place."""
    truth = network([(0, 0), (3000, 0)])
    found = topo(truth, truth, seeds=1, seed=1)
    assert 60 <= found.holes <= 120
    assert topo(truth, truth, seeds=1, seed=1) == found


def test_nothing(network):
    """Without a reference there are no places; without a prediction all holes are empty."""
    road, none = network([(0, 0), (100, 0)]), network()
    assert topo(none, road) == topo(none, none) == Topo()
    assert np.isnan([Topo().f1, Topo().precision, Topo().recall]).all()
    missed = topo(road, none)
    assert missed.holes == 3 * 20
    assert (missed.recall, missed.f1, missed.marbles) == (0, 0, 0)
