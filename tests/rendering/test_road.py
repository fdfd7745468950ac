from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geoseg.rendering.road import Road, along, cross, cut, join_chains, length, offset

LINE = np.array([[0.0, 0.0], [30.0, 0.0], [30.0, 40.0], [90.0, 40.0]])


def road(*points, width_m=6.0, surface="asphalt"):
    return Road(line=np.array(points, float), width_m=width_m, surface=surface)


@given(st.lists(st.floats(0.01, 129.99), min_size=1, max_size=6, unique=True))
def test_cut_pieces_make_up_the_line(distances):
    """Pieces add up to the line, share end points to the last bit, and end at the given distances."""
    marks = np.sort(np.array(distances))
    pieces = cut(LINE, marks)
    assert len(pieces) == len(marks) + 1
    for before, after in pairwise(pieces):
        assert (before[-1] == after[0]).all()
    np.testing.assert_allclose(np.cumsum([length(piece) for piece in pieces])[:-1], marks, atol=1e-5)
    assert sum(length(piece) for piece in pieces) == pytest.approx(130.0)


@given(st.floats(0.0, 130.0))
def test_along_agrees_with_shapely(distance):
    """Points at a distance along a line are those of shapely's linear referencing."""
    point, tangent = along(LINE, np.array([distance]))
    expected = shapely.LineString(LINE).interpolate(distance)
    np.testing.assert_allclose(point[0], [expected.x, expected.y], atol=1e-9)
    assert np.hypot(*tangent[0]) == pytest.approx(1.0)


def test_offset_goes_to_the_right():
    """With y pointing down, a line to the east is shifted to the south."""
    np.testing.assert_allclose(offset(np.array([[0.0, 0.0], [5.0, 0.0]]), 2.0), [[0.0, 2.0], [5.0, 2.0]])


def test_cross_builds_one_bridge_with_abutments():
    """A bridge spans the obstacle and its abutments; the road continues at both ends."""
    pieces = cross(road((0, 0), (100, 0)), shapely.box(40, -9, 60, 9), bridge=True, longest_m=50, abutment_m=5)
    assert [piece.bridge for piece in pieces] == [False, True, False]
    np.testing.assert_allclose(pieces[1].line, [[35, 0], [65, 0]])


@pytest.mark.parametrize(
    ("obstacle", "bridge"), [((40, -9, 60, 9), False), ((40, -9, 90, 9), True), ((60, -9, 130, 9), True)]
)
def test_cross_ends_in_front_of_what_it_cannot_bridge(obstacle, bridge):
    """Without a bridge, over too wide an obstacle, or over one it ends on, a road stops short of the obstacle."""
    area = shapely.box(*obstacle)
    pieces = cross(road((0, 0), (100, 0)), area, bridge=bridge, longest_m=40, abutment_m=5)
    assert pieces
    assert not any(piece.bridge for piece in pieces)
    assert all(shapely.LineString(piece.line).distance(area) >= 5 - 1e-9 for piece in pieces)


def test_cross_leaves_a_road_in_the_open_as_it_is():
    """A road without an obstacle is returned unchanged."""
    open_road = road((0, 0), (100, 0))
    assert cross(open_road, shapely.box(0, 50, 9, 60), bridge=True, longest_m=50, abutment_m=5) == [open_road]


def test_chains_are_joined_and_junctions_kept():
    """Roads of one kind join where two meet; a third road, or another surface, keeps the node."""
    joined = join_chains([road((0, 0), (1, 0)), road((2, 0), (1, 0)), road((2, 0), (3, 0))])
    assert [length(each.line) for each in joined] == [3.0]
    junction = [road((0, 0), (1, 0)), road((1, 0), (2, 0)), road((1, 0), (1, 5))]
    assert len(join_chains(junction)) == 3
    assert len(join_chains([road((0, 0), (1, 0)), road((1, 0), (2, 0), surface="gravel")])) == 2


def test_closed_loop_stays_one_road():
    """A ring of roads that touches nothing joins into one closed line."""
    corners = [(0, 0), (9, 0), (9, 9), (0, 9), (0, 0)]
    joined = join_chains([road(a, b) for a, b in pairwise(corners)])
    assert len(joined) == 1
    assert length(joined[0].line) == 36.0
    assert joined[0].ends[0] == joined[0].ends[1]
