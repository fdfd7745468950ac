"""Pieces of any blocks are joined to the chains of the whole skeleton."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geoseg.roads.graph.chains import splice
from geoseg.roads.skeleton.neighbours import COLUMN_STEP, ROW_STEP
from geoseg.roads.skeleton.pieces import Pieces, walk_pieces

FRAME = 2


def mixed_links(mask):
    """Return all links of a mask by the definition of mixed adjacency."""
    width = mask.shape[1]
    road = set(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))
    links = set()
    for r, c in road:
        links |= {((r, c), other) for other in ((r, c + 1), (r + 1, c)) if other in road}
        for side in (-1, 1):
            if (r + 1, c + side) in road and not {(r, c + side), (r + 1, c)} & road:
                links.add(((r, c), (r + 1, c + side)))
    return {frozenset(r * width + c for r, c in link) for link in links}


def pieces_of(mask, rows, cols):
    framed = np.pad(mask, FRAME).astype(np.uint8)
    core = (rows.start + FRAME, cols.start + FRAME, rows.stop + FRAME, cols.stop + FRAME)
    places, start, outside, code = walk_pieces(framed, *core)
    stride = framed.shape[1]

    def ids(place):
        return (place // stride - FRAME) * mask.shape[1] + place % stride - FRAME

    ends = np.column_stack([places[start[:-1]], places[start[1:] - 1]])
    return Pieces(
        start=start,
        ends=ids(ends),
        beyond=np.where(outside < 0, outside, ids(outside)),
        half_width=(ids(ends) % 60_000).astype(np.uint16),
        code=code,
        level=(ids(places) % 251).astype(np.uint8),
        width=(ids(places) % 13).astype(np.uint8),
    )


def blocks(mask, high, wide):
    rows, cols = mask.shape
    return [
        pieces_of(mask, slice(r, min(r + high, rows)), slice(c, min(c + wide, cols)))
        for r in range(0, rows, high)
        for c in range(0, cols, wide)
    ]


def pixels_of(chains, chain, width):
    first, last = chains.start[chain], chains.start[chain + 1]
    pixels = [int(chains.ends[chain, 0])]
    for code in (chains.code[first : last - 1] & 7).tolist():
        pixels.append(pixels[-1] + int(ROW_STEP[code]) * width + int(COLUMN_STEP[code]))
    assert pixels[-1] == chains.ends[chain, 1]
    return pixels


@settings(deadline=None)  # the first call compiles
@given(
    seed=st.integers(0, 10_000),
    density=st.floats(0.1, 0.9),
    height=st.integers(1, 20),
    width=st.integers(1, 14),
    high=st.integers(1, 9),
    wide=st.integers(1, 9),
)
def test_chains_partition_the_links(seed, density, height, width, high, wide):
    """For any blocks, each link is in exactly one chain, chains end only at nodes, and rings are closed."""
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < density
    links = mixed_links(mask)
    degree = Counter(pixel for link in links for pixel in link)
    parts = blocks(mask, high, wide)
    rng.shuffle(parts)
    chains = splice(parts, width)
    followed = Counter()
    for chain in range(chains.ring.size):
        pixels = pixels_of(chains, chain, width)
        followed.update(frozenset(step) for step in pairwise(pixels))
        assert all(degree[pixel] == 2 for pixel in pixels[1:-1])
        if chains.ring[chain]:
            assert pixels[0] == pixels[-1] == min(pixels)
            assert degree[pixels[0]] == 2
        else:
            assert 2 not in {degree[pixels[0]], degree[pixels[-1]]}
            assert chains.half_width[chain].tolist() == [pixels[0] % 60_000, pixels[-1] % 60_000]
        here = slice(chains.start[chain], chains.start[chain + 1])
        assert chains.level[here].tolist() == [pixel % 251 for pixel in pixels]
        assert chains.width[here].tolist() == [pixel % 13 for pixel in pixels]
    assert followed == Counter(dict.fromkeys(links, 1))


@settings(deadline=None)  # the first call compiles
@example(seed=9197, density=0.25, high=2, wide=2)
@given(seed=st.integers(0, 10_000), density=st.floats(0.1, 0.6), high=st.integers(1, 9), wide=st.integers(1, 9))
def test_blocks_leave_no_trace(seed, density, high, wide):
    """Order, direction and samples of chains do not depend on the blocks."""
    mask = np.random.default_rng(seed).random((17, 13)) < density
    whole, cut = splice(blocks(mask, 17, 13), 13), splice(blocks(mask, high, wide), 13)
    for name, values in vars(whole).items():
        np.testing.assert_array_equal(getattr(cut, name), values, name)


def test_missing_block_is_an_error():
    """Blocks that overlap or do not cover the grid are an error."""
    parts = blocks(np.ones((1, 20)), 1, 5)
    with pytest.raises(ValueError, match="blocks overlap or are missing"):
        splice(parts[:1] + parts[2:], 20)
    with pytest.raises(ValueError, match="blocks overlap or are missing"):
        splice([*parts, parts[1]], 20)
