import pytest

from geoseg.roads.settings import RoadSettings


@pytest.mark.parametrize(("reach", "edges"), [(3, 1), (6, 1), (14, 3)])
def test_spurs_are_measured_from_the_edge_of_the_road(trace_levels, paint_bands, reach, edges):
    """On roads 8 m and 30 m wide, bumps of 3 m and 6 m make no side road, and one of 14 m does."""
    for half in (4, 15):
        levels = paint_bands(
            (140, 300),
            (slice(60 - half, 60 + half), slice(10, 290), 254),
            (slice(60, 60 + half + reach), slice(145, 151), 254),
        )
        assert len(trace_levels(levels)) == edges


def test_haze_is_no_road(trace_levels, paint_bands):
    """A faint band between two roads is dropped; a road with an equally faint section stays whole."""
    roads = [(slice(26, 34), slice(10, 290), 254), (slice(166, 174), slice(10, 290), 254)]
    haze = trace_levels(paint_bands((200, 300), *roads, (slice(34, 166), slice(146, 154), 95)))
    assert len(haze) == 2
    faint = trace_levels(
        paint_bands((200, 300), *roads, (slice(34, 166), slice(146, 154), 230), (slice(80, 100), slice(146, 154), 95))
    )
    assert len(faint) == 5
    assert faint.edges.gap_m.sum() == 0


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.7, 0.95])
def test_certain_roads_meet_any_threshold(trace_levels, paint_bands, threshold):
    """Roads of probability 1, with side roads and dead ends, are found at every threshold."""
    roads = [(slice(26, 34), slice(10, 290), 254), (slice(34, 90), slice(146, 154), 254)]
    network = trace_levels(paint_bands((120, 300), *roads), RoadSettings(threshold=threshold))
    assert sorted(network.nodes.degree.tolist()) == [1, 1, 1, 3]


def test_thin_roads_of_masks_are_not_faint(trace_levels, paint_bands):
    """A road one pixel wide is faint once smoothed, but stays if it comes from a mask."""
    thin = paint_bands((120, 300), (slice(60, 61), slice(10, 290), 254))
    assert len(trace_levels(thin, gsd=0.5)) == 0
    (length,) = trace_levels(thin, RoadSettings(certain=True), gsd=0.5).edges.length_m
    assert length == pytest.approx(140, abs=3)
