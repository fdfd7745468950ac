"""Within a box, what is cut and thinned out covers what it covered, and its size is that of what is near."""

import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from rasterio.features import rasterize

from geoseg.vectors.nearby import MOST_VERTICES, cut_lines, thin_rings

BOX = (30.0, 40.0, 70.0, 60.0)
WIDTH = 4.0
INSIDE = shapely.box(*BOX).buffer(-WIDTH, join_style="mitre")
places = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=2, max_size=12, unique=True)


@given(st.lists(places, min_size=1, max_size=4), places)
def test_buffers_of_pieces(lines, points):
    """Pieces of lines and points have the buffer of the whole inside the box, each by the index of its own."""
    geometries = np.array([shapely.MultiLineString(lines), shapely.MultiPoint(points), shapely.LineString(lines[0])])
    pieces, index = cut_lines(geometries, BOX)
    for number, whole in enumerate(geometries):
        expected = shapely.buffer(whole, WIDTH).intersection(INSIDE)
        found = shapely.union_all(shapely.buffer(pieces[index == number], WIDTH)).intersection(INSIDE)
        assert found.symmetric_difference(expected).area < 0.01 * WIDTH


@example([[(0, 0), (0, 1), (1, 0)], [(0, 0), (0, 1), (43, 81)]], False)  # a hole outside of its shell
@given(st.lists(places.filter(lambda ring: len(ring) > 2), min_size=1, max_size=4), st.booleans())
def test_polygons_cover_the_same_pixels(rings, together):
    """Whatever crosses itself, polygons with holes and multi-polygons cover the pixels of the box that they did."""
    shell, *holes = rings
    whole = [shapely.Polygon(shell, holes)]
    if together:
        whole = [shapely.MultiPolygon([shapely.Polygon(ring) for ring in rings]), shapely.box(0, 0, 5, 5)]
    thinned, index = thin_rings(np.array(whole, object), BOX)
    shape = {"out_shape": (100, 100)}
    expected = rasterize([(whole[0], 1)], **shape)[40:60, 30:70]
    found = np.zeros((100, 100), np.uint8)
    if len(thinned):
        assert index.tolist() == [0]
        rasterize([(thinned[0], 1)], out=found)
    np.testing.assert_array_equal(found[40:60, 30:70], expected)


def test_size_is_that_of_what_is_near():
    """Of a line and a ring of many vertices, what is far is left out, and what is near is cut into short pieces."""
    turns = np.linspace(0, 2 * np.pi, 100_000)
    ring = np.column_stack([50 + 400 * np.cos(turns), 50 + 400 * np.sin(turns)])
    ring[:20_000] = np.random.default_rng(0).uniform(BOX[:2], BOX[2:], (20_000, 2))
    ring[-1] = ring[0]
    pieces, _ = cut_lines(np.array([shapely.LineString(ring)]), BOX)
    assert shapely.get_num_coordinates(pieces).max() == MOST_VERTICES
    assert shapely.get_num_coordinates(pieces).sum() == pytest.approx(20_000, rel=0.01)
    (thinned,), _ = thin_rings(np.array([shapely.Polygon(ring)]), BOX)
    assert shapely.get_num_coordinates(thinned) == pytest.approx(20_000, rel=0.01)


def test_nothing_near():
    """Of geometries beyond the box nothing is left, and of none neither."""
    for geometries in ([], [shapely.LineString([(0, 0), (10, 0)]), shapely.Point(0, 0)]):
        assert [len(each) for each in cut_lines(np.array(geometries, object), BOX)] == [0, 0]
    for geometries in ([], [shapely.box(0, 0, 10, 10)]):
        assert [len(each) for each in thin_rings(np.array(geometries, object), BOX)] == [0, 0]
