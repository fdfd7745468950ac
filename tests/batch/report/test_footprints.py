"""The map of a batch shows every footprint, whatever its place on the globe."""

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from geoseg.batch.report.footprints import draw

LON, LAT = st.floats(-180, 180), st.floats(-90, 90)


@st.composite
def bounds(draw_value):
    """Bounds of a scene, which may cross the antimeridian."""
    west, east = draw_value(LON), draw_value(LON)
    south, north = sorted((draw_value(LAT), draw_value(LAT)))
    return west, south, east, north


def degrees(label):
    """Value of a label of the graticule."""
    value = float(label.rstrip("NESW°"))
    return -value if label[-1] in "SW" else value


@given(scenes=st.lists(bounds(), min_size=1, max_size=6))
def test_all_are_inside(scenes):
    """Every scene has one rectangle within the drawing, large enough to click; none hides a smaller one."""
    found = draw(dict(enumerate(scenes)))
    assert sorted(each.number for each in found.footprints) == list(range(len(scenes)))
    sizes = [each.width * each.height for each in found.footprints]
    assert sizes == sorted(sizes, reverse=True)
    for each in found.footprints:
        assert -1e-6 <= each.x <= each.x + each.width <= found.width + 1e-6
        assert -1e-6 <= each.y <= each.y + each.height <= found.height + 1e-6
        assert min(each.width, each.height) >= 7


@given(west=LON, north=st.floats(-60, 70), side=st.floats(0.001, 5), count=st.integers(2, 5))
def test_neighbours_are_neighbours(west, north, side, count):
    """Scenes in a row from west to east are drawn so, also across the antimeridian, and with the graticule's scale."""

    def turned(lon):
        return (lon + 180) % 360 - 180

    row = {k: (turned(west + k * side), north - side, turned(west + (k + 1) * side), north) for k in range(count)}
    assume(all(each[0] != each[2] for each in row.values()))
    found = draw(row)
    placed = sorted(found.footprints, key=lambda each: each.number)
    for left, right in pairwise(placed):
        assert left.x + left.width == pytest.approx(right.x, abs=1e-3)
    stretch = math.cos(math.radians(north - side / 2))
    assert placed[0].width / placed[0].height == pytest.approx(stretch, rel=0.01)
    for line in found.parallels:
        unit = placed[0].height / side
        assert line.place == pytest.approx(placed[0].y + (north - degrees(line.label)) * unit, abs=unit * 1e-3 + 1)


def test_graticule():
    """Meridians and parallels have the degrees of their labels."""
    (box,) = (found := draw({0: (13.0, 52.0, 13.2, 52.1)})).footprints
    assert {line.label for line in found.meridians} >= {"13.00°E", "13.05°E", "13.10°E"}
    for line in found.meridians:
        assert line.place == pytest.approx(box.x + (degrees(line.label) - 13.0) / 0.2 * box.width)
    for line in found.parallels:
        assert line.place == pytest.approx(box.y + (52.1 - degrees(line.label)) / 0.1 * box.height)


def test_a_world_without_a_gap():
    """A raster of the whole globe is drawn from pole to pole."""
    (box,) = draw({0: (-180.0, -90.0, 180.0, 90.0)}).footprints
    assert box.width == pytest.approx(2 * box.height)


def test_nothing_to_draw():
    """Without bounds there is no map."""
    assert draw({}) is None
    assert draw({0: (math.nan, 0.0, 1.0, 1.0)}) is None
