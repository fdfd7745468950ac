import pytest


@pytest.mark.parametrize(("side", "edges"), [((4, 3), 1), ((3, 12), 1), ((40, 40), 4)])
def test_holes_in_a_road_are_no_islands(trace_levels, paint_bands, side, edges):
    """One edge passes a small hole in a wide road, two edges pass a block of 40 m."""
    levels = paint_bands((160, 300), (slice(74, 86), slice(10, 290), 254))
    high, long = side
    if high == 40:
        levels[54:106, 124:176] = 254
    levels[80 - high // 2 : 80 - high // 2 + high, 150 - long // 2 : 150 - long // 2 + long] = 0
    assert len(trace_levels(levels)) == edges
