"""Lengths near another network, and the parts farther away."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from synthetic_roads import random_streets

from geoseg.evaluation.roads.buffers import Nearness, parts_beyond


def shapes(*lines):
    found = np.empty(len(lines), object)
    found[:] = [shapely.LineString(line) for line in lines]
    return found


@pytest.mark.parametrize(("shift", "beyond"), [(2.9, 0), (3.0, 0), (3.1, 100)])
def test_a_shifted_line(shift, beyond):
    """A parallel line is near up to the distance."""
    parts = parts_beyond(shapes([(0, shift), (100, shift)]), shapes([(0, 0), (100, 0)]), 3)
    assert shapely.length(parts).sum() == pytest.approx(beyond, abs=0.1)


def test_parts_have_the_right_place():
    """A missing middle is cut out, short of the distance at both ends."""
    (part,) = parts_beyond(shapes([(0, 0), (100, 0)]), shapes([(0, 0), (30, 0)], [(70, 0), (100, 0)]), 3)
    np.testing.assert_allclose(shapely.get_coordinates(part), [(33, 0), (67, 0)], atol=1e-5)


def test_nothing_is_near_nothing():
    """Without others, all lines are beyond; without lines, none are."""
    lines = shapes([(0, 0), (9, 0)], [(5, 5), (9, 9)])
    assert parts_beyond(lines, shapes(), 3).tolist() == lines.tolist()
    assert not len(parts_beyond(shapes(), lines, 3))


@given(seed=st.integers(0, 100), distance=st.floats(0.5, 20))
def test_one_buffer_of_all_gives_the_same(seed, distance):
    """The parts beyond agree with GEOS's buffer of the union of all lines."""
    lines, others = (np.asarray(random_streets(seed + more, 250).truth.lines) for more in (0, 1))
    whole = shapely.buffer(shapely.union_all(others), distance, quad_segs=16)
    expected = shapely.length(shapely.difference(lines, whole)).sum()
    assert shapely.length(parts_beyond(lines, others, distance)).sum() == pytest.approx(expected, rel=1e-3, abs=0.05)


def test_scores_of_lengths():
    """Completeness, correctness and quality are the quotients of Heipke et al."""
    one = Nearness(true_m=100, true_near_m=80, found_m=120, found_near_m=90)
    assert (one.recall, one.precision) == (0.8, 0.75)
    assert one.quality == pytest.approx(90 / (120 + 20))
    assert one.f1 == pytest.approx(2 * 0.8 * 0.75 / 1.55)


def test_scores_of_nothing():
    """0 / 0 is undefined; F1 is 0 if one side is empty or missed entirely."""
    assert np.isnan([Nearness().recall, Nearness().precision, Nearness().quality, Nearness().f1]).all()
    missed, false = Nearness(true_m=5), Nearness(found_m=5)
    assert (missed.recall, missed.quality, missed.f1) == (0, 0, 0)
    assert (false.precision, false.quality, false.f1) == (0, 0, 0)
    assert np.isnan([missed.precision, false.recall]).all()
    assert Nearness(true_m=5, found_m=5).f1 == 0


def test_no_share_is_above_one():
    """Lengths of pieces may add up to a little more than those of the whole lines."""
    above = Nearness(true_m=0.1, true_near_m=0.1 + 1e-15, found_m=0.3, found_near_m=0.1 + 0.2)
    assert above.found_near_m > above.found_m
    assert [above.recall, above.precision, above.quality, above.f1] == [1, 1, 1, 1]
