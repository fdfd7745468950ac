import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.tiling import Axis, Lattice, Tile, reflect


@st.composite
def axes(draw, max_size=200):
    tile = draw(st.integers(1, 64))
    return Axis(size=draw(st.integers(1, max_size)), tile=tile, overlap=draw(st.integers(0, tile // 2)))


@given(axes())
def test_every_pixel_lies_in_one_or_two_tiles(axis):
    """The tiles cover each pixel of the scene, and no more than two meet at one."""
    cover = np.zeros(axis.size, int)
    for index in range(axis.count):
        span = axis.span(index)
        cover[max(0, span.start) : span.stop] += 1
    assert cover.min() >= 1
    assert cover.max() <= 2


@given(axes())
def test_no_tile_is_superfluous_and_the_excess_is_split_evenly(axis):
    """One tile fewer would not cover the scene; the excess at both ends differs by at most a pixel."""
    before, after = -axis.span(0).start, axis.span(axis.count - 1).stop - axis.size
    assert 0 <= after - before <= 1
    assert axis.count == 1 or (axis.count - 1) * axis.stride + axis.overlap < axis.size


@given(axes())
def test_neighbours_share_exactly_the_overlap(axis):
    """Spans are one tile long, and the stride is constant."""
    spans = [axis.span(index) for index in range(axis.count)]
    assert {span.stop - span.start for span in spans} == {axis.tile}
    assert {a.stop - b.start for a, b in pairwise(spans)} <= {axis.overlap}


@given(axes(), st.integers(-70, 270), st.integers(-70, 270))
def test_touching_is_exact(axis, start, stop):
    """`touching` gives exactly the tiles that share a pixel with the interval, as found by comparing pixel sets."""
    wanted = set(range(start, stop))
    expected = [i for i in range(axis.count) if wanted & set(range(axis.span(i).start, axis.span(i).stop))]
    assert list(axis.touching(start, stop)) == expected


@given(axes())
def test_alone_is_what_no_neighbour_covers(axis):
    """A tile's own pixels are its span without the spans of all others."""
    spans = [set(range(axis.span(i).start, axis.span(i).stop)) for i in range(axis.count)]
    for index, span in enumerate(spans):
        others = set().union(*(spans[:index] + spans[index + 1 :]))
        assert set(range(axis.alone(index).start, axis.alone(index).stop)) == span - others


@pytest.mark.parametrize("size", [1, 7, 63, 64])
def test_a_scene_up_to_one_tile_takes_one_tile(size):
    """A scene of one pixel, smaller than a tile, or exactly a tile is one centred tile."""
    axis = Axis(size=size, tile=64, overlap=32)
    assert axis.count == 1
    assert axis.start == -((64 - size) // 2)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"size": 0, "tile": 8, "overlap": 0}, "A scene needs at least one pixel along each axis, found 0."),
        ({"size": 8, "tile": 0, "overlap": 0}, "A tile needs at least one pixel, found 0."),
        ({"size": 8, "tile": 8, "overlap": 5}, "The overlap of 8 px tiles must be between 0 and 4 px, found 5."),
        ({"size": 8, "tile": 8, "overlap": -1}, "The overlap of 8 px tiles must be between 0 and 4 px, found -1."),
    ],
)
def test_an_impossible_axis_is_refused(values, sentence):
    """Invalid sizes are refused in one sentence that gives the value."""
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Axis(**values)


@pytest.mark.parametrize("index", [-1, 2])
def test_a_tile_outside_the_axis_is_refused(index):
    """An index beyond the tiles has no span."""
    with pytest.raises(ValueError, match=f"There is no tile {index} among 2"):
        Axis(size=10, tile=8, overlap=4).span(index)


def test_an_impossible_lattice_is_refused_when_it_is_made():
    """A lattice validates its axes at once, not at first use."""
    with pytest.raises(ValueError, match="overlap"):
        Lattice(shape=(10, 10), tile=8, overlap=5)


@st.composite
def lattices_with_roi(draw):
    tile = draw(st.integers(1, 16))
    shape = draw(st.integers(1, 50)), draw(st.integers(1, 50))
    lattice = Lattice(shape=shape, tile=tile, overlap=draw(st.integers(0, tile // 2)))
    roi = []
    for size in shape:
        start = draw(st.integers(0, size - 1))
        roi.append(slice(start, draw(st.integers(start + 1, size))))
    return lattice, tuple(roi)


@given(lattices_with_roi())
def test_tiles_of_a_region_are_the_whole_lattice_filtered(case):
    """A region yields those tiles of the lattice that share a pixel with it, in the same row-major order."""
    lattice, (rows, cols) = case
    everything = list(lattice.tiles())
    assert [(t.row, t.col) for t in everything] == list(np.ndindex(lattice.rows.count, lattice.cols.count))

    def touches(tile: Tile) -> bool:
        return (
            max(tile.rows.start, rows.start) < min(tile.rows.stop, rows.stop)
            and max(tile.cols.start, cols.start) < min(tile.cols.stop, cols.stop)
        )  # fmt: skip

    chosen = list(lattice.tiles((rows, cols)))
    assert chosen == [tile for tile in everything if touches(tile)]
    assert lattice.count_tiles((rows, cols)) == len(chosen)
    assert len(lattice) == lattice.count_tiles() == len(everything)


@pytest.mark.parametrize("rows", [slice(0, 0), slice(5, 3), slice(-1, 4), slice(0, 11), slice(0, 10, 2)])
def test_a_region_outside_the_scene_is_refused(rows):
    """An empty region, one not inside the scene, or one with a step is refused."""
    with pytest.raises(ValueError, match="A region's rows must be within 0:10"):
        list(Lattice(shape=(10, 10), tile=4, overlap=1).tiles((rows, slice(0, 10))))


@given(st.integers(1, 12), st.integers(0, 40), st.integers(0, 40))
def test_reflect_is_numpys_reflection(size, before, after):
    """Indices beyond the scene mirror it without repeating the border, as NumPy pads, at any distance."""
    padded = np.pad(np.arange(size), (before, after), mode="reflect")
    np.testing.assert_array_equal(reflect(-before, size + after, size), padded)


def test_reflect_needs_a_source():
    """An empty source is refused."""
    with pytest.raises(ValueError, match="at least one pixel, found 0"):
        reflect(0, 1, 0)
