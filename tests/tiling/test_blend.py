from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.tiling import FAMILIES, Lattice, blend, reflect, taper, tile_rows_of


def echo(image, tiles):
    """A network that returns its input, read with reflection at the borders."""
    height, width = image.shape[:2]
    for tile in tiles:
        rows = reflect(tile.rows.start, tile.rows.stop, height)
        cols = reflect(tile.cols.start, tile.cols.stop, width)
        yield tile, image[np.ix_(rows, cols)].astype(np.float32)


def noise(tiles, lattice, classes=3):
    """A network whose tiles disagree: each has its own random scores, seeded by its lattice position."""
    for tile in tiles:
        rng = np.random.default_rng([tile.row, tile.col])
        yield tile, rng.random((lattice.tile, lattice.tile, classes), dtype=np.float32)


def joined(finished):
    return np.concatenate([scores for _, scores in finished])


@st.composite
def lattices(draw):
    tile = draw(st.integers(1, 16))
    longest = 4 * tile + 3
    shape = draw(st.integers(1, longest)), draw(st.integers(1, longest))
    return Lattice(shape=shape, tile=tile, overlap=draw(st.integers(0, tile // 2)))


@st.composite
def regions(draw, shape):
    cuts = [sorted(draw(st.lists(st.integers(0, size), min_size=2, max_size=2, unique=True))) for size in shape]
    return tuple(slice(*cut) for cut in cuts)


@given(lattices(), st.sampled_from(FAMILIES), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_an_echo_reproduces_the_scene(lattice, family, classes, seed):
    """Identity: tiles cut from a uint8 scene blend back into exactly that scene, any size, tile, overlap and window."""
    image = np.random.default_rng(seed).integers(0, 256, (*lattice.shape, classes), dtype=np.uint8)
    blended = joined(blend(echo(image, lattice.tiles()), lattice, family))
    np.testing.assert_array_equal(np.rint(blended), image)


@given(st.data(), lattices(), st.sampled_from(FAMILIES))
def test_a_region_has_the_bits_of_the_whole(data, lattice, family):
    """Invariance: a pixel's score is bit-identical in every region, even if tiles disagree."""
    whole = joined(blend(noise(lattice.tiles(), lattice), lattice, family))
    roi = data.draw(regions(lattice.shape))
    part = joined(blend(noise(lattice.tiles(roi), lattice), lattice, family, roi))
    np.testing.assert_array_equal(part, whole[roi])


@given(st.data(), lattices(), st.sampled_from(FAMILIES))
def test_regions_hand_scores_on(data, lattice, family):
    """Regions below each other, in any order and cut anywhere, have the bits of the whole with what they carry over.

    From top to bottom, cut where tile rows start, no tile is scored twice.
    """
    whole = joined(blend(noise(lattice.tiles(), lattice), lattice, family))
    starts = [lattice.rows.span(row).start for row in range(1, lattice.rows.count)]
    odd = data.draw(st.sets(st.integers(1, lattice.shape[0] - 1), max_size=2)) if lattice.shape[0] > 1 else set()
    kept = data.draw(st.sets(st.sampled_from(starts))) if starts else set()
    edges = sorted({0, *odd, *kept, lattice.shape[0]})
    in_order = data.draw(st.booleans())
    regions = [(slice(*edge), slice(0, lattice.shape[1])) for edge in pairwise(edges)]
    carried, scored = {}, 0
    found = np.full_like(whole, np.nan)
    for roi in regions if in_order else data.draw(st.permutations(regions)):
        tiles = [*lattice.tiles(roi, tile_rows_of(lattice, roi, carried))]
        scored += len(tiles)
        for rows, scores in blend(noise(tiles, lattice), lattice, family, roi, carried=carried):
            found[rows] = scores
    np.testing.assert_array_equal(found, whole)
    if in_order and not odd:
        assert scored == len(lattice)


@given(lattices(), st.sampled_from(FAMILIES))
def test_blending_is_the_weighted_sum(lattice, family):
    """Oracle: scores times outer products of the windows, summed into a full-size float64 array."""
    rows, cols = lattice.rows, lattice.cols
    total = np.zeros((rows.span(rows.count - 1).stop - rows.start, cols.span(cols.count - 1).stop - cols.start, 3))
    for tile, scores in noise(lattice.tiles(), lattice):
        weights = np.outer(taper(rows, tile.row, family), taper(cols, tile.col, family))[..., None]
        top, left = tile.rows.start - rows.start, tile.cols.start - cols.start
        total[top : top + lattice.tile, left : left + lattice.tile] += weights * scores
    inside = total[-rows.start :, -cols.start :][: lattice.shape[0], : lattice.shape[1]]
    np.testing.assert_allclose(joined(blend(noise(lattice.tiles(), lattice), lattice, family)), inside, atol=1e-6)


@given(lattices(), st.sampled_from(FAMILIES))
def test_squares_are_one_more_class(lattice, family):
    """Sums of squares of scores blend as a class of their own would, and change no bit of the others."""
    with_squares = (
        (tile, np.concatenate([scores, (scores**2).sum(axis=-1, keepdims=True)], axis=-1))
        for tile, scores in noise(lattice.tiles(), lattice)
    )
    found = joined(blend(noise(lattice.tiles(), lattice), lattice, family, squares=True))
    expected = joined(blend(with_squares, lattice, family))
    np.testing.assert_array_equal(found[..., :-1], expected[..., :-1])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@given(st.data(), lattices())
def test_rows_come_once_in_order_and_early(data, lattice):
    """The rows of a region are consecutive, and no more tiles are taken than they need."""
    roi = data.draw(regions(lattice.shape))
    taken = []

    def watched():
        for tile, scores in noise(lattice.tiles(roi), lattice):
            taken.append(tile)
            yield tile, scores

    expected = roi[0].start
    for rows, scores in blend(watched(), lattice, "hann", roi):
        assert rows.start == expected < rows.stop
        assert scores.shape == (rows.stop - rows.start, roi[1].stop - roi[1].start, 3)
        assert scores.dtype == np.float32
        assert taken[-1].row == lattice.rows.touching(rows.stop - 1, rows.stop)[-1]
        expected = rows.stop
    assert expected == roi[0].stop
    assert taken == list(lattice.tiles(roi))


def test_yielded_rows_are_the_callers():
    """Rows may be kept or changed during blending: they share no memory with later ones."""
    lattice = Lattice(shape=(40, 10), tile=8, overlap=4)
    reference = joined(blend(noise(lattice.tiles(), lattice), lattice, "hann"))
    kept = []
    for _, scores in blend(noise(lattice.tiles(), lattice), lattice, "hann"):
        kept.append(scores.copy())
        scores[:] = np.nan
    np.testing.assert_array_equal(np.concatenate(kept), reference)


def swapped(tiles):
    first, second, *rest = tiles
    return [second, first, *rest]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda tiles: tiles[:-1], "Expected a tile at row 2, column 2, found no more"),
        (lambda tiles: tiles[1:], "Expected the tile at row 0, column 0, found row 0, column 1"),
        (swapped, "Expected the tile at row 0, column 0, found row 0, column 1"),
        (lambda tiles: [*tiles, tiles[-1]], "Expected no more tiles, found one at row 2, column 2"),
    ],
    ids=["last missing", "first missing", "swapped", "surplus"],
)
def test_wrong_tiles_are_refused(change, sentence):
    """A missing, surplus or misplaced tile is an error, never a wrong map."""
    lattice = Lattice(shape=(20, 20), tile=8, overlap=2)
    tiles = change(list(lattice.tiles()))
    with pytest.raises(ValueError, match=sentence):
        list(blend(noise(tiles, lattice), lattice, "hann"))


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((8, 7, 3), r"shape \(8, 8, classes\), found \(8, 7, 3\) at row 0, column 1"),
        ((8, 8), r"found \(8, 8\)"),
        ((8, 8, 4), "Expected 3 classes, found 4 at row 0, column 1"),
    ],
)
def test_wrong_scores_are_refused(shape, sentence):
    """Scores of the wrong tile size or number of classes are reported with their position."""
    lattice = Lattice(shape=(8, 12), tile=8, overlap=4)
    first, second = lattice.tiles()
    scored = [(first, np.zeros((8, 8, 3), np.float32)), (second, np.zeros(shape, np.float32))]
    with pytest.raises(ValueError, match=sentence):
        list(blend(scored, lattice, "hann"))
