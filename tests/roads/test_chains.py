from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geoseg.roads.chains import trace_chains
from geoseg.roads.skeleton import SkeletonStrip


def mixed_links(mask):
    """Return all links of a mask by the definition of mixed adjacency, pixel by pixel."""
    width = mask.shape[1]
    road = set(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))
    links = set()
    for r, c in road:
        links |= {((r, c), other) for other in ((r, c + 1), (r + 1, c)) if other in road}
        for side in (-1, 1):
            if (r + 1, c + side) in road and not {(r, c + side), (r + 1, c)} & road:
                links.add(((r, c), (r + 1, c + side)))
    return {frozenset(r * width + c for r, c in link) for link in links}


def trace(mask, heights):
    strips = []
    for part in np.split(mask, np.minimum(np.cumsum(heights), len(mask))):
        number = np.count_nonzero(mask[: sum(len(strip.rows) for strip in strips)])
        width_m = np.arange(number, number + np.count_nonzero(part), dtype=np.float32)
        strips.append(SkeletonStrip(rows=part, half_width_m=width_m))
    return [chain for found in trace_chains(strips, mask.shape[1]) for chain in found]


@given(
    seed=st.integers(0, 10_000),
    density=st.floats(0.1, 0.9),
    height=st.integers(1, 24),
    width=st.integers(1, 9),
    heights=st.lists(st.integers(0, 6), max_size=12),
)
def test_chains_partition_the_links(seed, density, height, width, heights):
    """Whatever the strips, every link is in exactly one chain, chains end at nodes only, and rings are closed."""
    mask = np.random.default_rng(seed).random((height, width)) < density
    links = mixed_links(mask)
    degree = Counter(pixel for link in links for pixel in link)
    order = {pixel: number for number, pixel in enumerate(np.flatnonzero(mask).tolist())}
    followed = Counter()
    for chain in trace(mask, heights):
        pixels = chain.pixels.tolist()
        followed.update(frozenset(step) for step in pairwise(pixels))
        assert all(degree[pixel] == 2 for pixel in pixels[1:-1])
        if chain.degrees is None:
            assert pixels[0] == pixels[-1]
            assert degree[pixels[0]] == 2
        else:
            assert chain.degrees == (degree[pixels[0]], degree[pixels[-1]])
            assert 2 not in chain.degrees
        assert chain.half_width_m.tolist() == [order[pixel] for pixel in pixels]
    assert followed == Counter(dict.fromkeys(links, 1))
