import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geoseg.polygons.pixels import pixel_iou


def rings_of(polygon):
    """Return the points of a polygon and the offsets of its rings."""
    rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(polygon)]
    return np.concatenate(rings), np.cumsum([0, *map(len, rings)])


def frame(width, angle, shift):
    """Return a turned square of 12 units with a square hole."""
    shape = shapely.box(0, 0, 12, 12) - shapely.box(4, 4, 4.0137 + width, 4.0071 + width)
    x, y = shift
    return shapely.affinity.translate(shapely.affinity.rotate(shape, angle), x + 0.0137, y + 0.0071)  # off the centres


FRAMES = st.builds(
    frame, st.integers(1, 6), st.integers(0, 89), st.tuples(st.integers(8, 17), st.integers(8, 17))
)  # fmt: skip


@given(FRAMES, FRAMES)
def test_pixels_of_both(one, other):
    """Two areas are compared in the pixels whose centres shapely finds inside them, holes included."""
    y, x = np.mgrid[:40, :40] + 0.5
    first, second = shapely.contains_xy(one, x, y), shapely.contains_xy(other, x, y)
    expected = (first & second).sum() / (first | second).sum()
    assert pixel_iou(*rings_of(one), *rings_of(other)) == pytest.approx(expected, abs=1e-9)
    assert pixel_iou(*rings_of(one), *rings_of(one)) == 1


def test_stairs_cost_nothing():
    """A slanting rectangle agrees with its own pixels, whose outline it does not follow."""
    rectangle = shapely.affinity.rotate(shapely.box(10, 10, 22, 22), 30)
    y, x = np.mgrid[:40, :40]
    inside = shapely.contains_xy(rectangle, x + 0.5, y + 0.5)
    pixels = shapely.union_all(shapely.box(x[inside], y[inside], x[inside] + 1, y[inside] + 1))
    assert pixel_iou(*rings_of(rectangle), *rings_of(pixels)) == 1
    assert rectangle.intersection(pixels).area / rectangle.union(pixels).area < 0.93


def test_areas_without_pixels():
    """An area that contains no centre of a pixel agrees with nothing."""
    speck, square = shapely.box(0.1, 0.1, 0.4, 0.4), shapely.box(0, 0, 2, 2)
    assert pixel_iou(*rings_of(speck), *rings_of(square)) == 0
    assert pixel_iou(*rings_of(speck), *rings_of(speck)) == 0
