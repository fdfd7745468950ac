"""Blocks without roads."""

from dataclasses import fields

import numpy as np
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from geoseg.models.legend import LEVELS, NODATA
from geoseg.roads.skeleton.block import trace_block
from geoseg.roads.skeleton.smoothing import blur
from geoseg.roads.trace import plan_tracing

SHAPE = (90, 70)
GRID = plan_tracing(SHAPE, rasterio.Affine(1, 0, 500_000, 0, -1, 5_400_000), "EPSG:32633").grid


def traced(levels):
    return trace_block(levels, slice(0, SHAPE[0]), slice(0, SHAPE[1]), GRID)


@given(seed=st.integers(0, 2**32 - 1), highest=st.integers(0, LEVELS), missing=st.floats(0, 0.5))
def test_smoothing_raises_no_maximum(seed, highest, missing):
    """Blocks whose levels are all too low for a road need not be smoothed to know that."""
    random = np.random.default_rng(seed)
    levels = random.integers(0, highest + 1, SHAPE).astype(np.uint8)
    levels[20:60, 10:50] = highest
    levels[random.random(SHAPE) < missing] = NODATA
    assert blur(levels, GRID.down, GRID.along).max() <= highest


def test_no_roads():
    """Levels too low, nodata, and a speck that smoothing removes have the same pieces: none, of the same types."""
    low = np.full(SHAPE, GRID.level - 1, np.uint8)
    low[:30] = NODATA
    speck = np.zeros(SHAPE, np.uint8)
    speck[40, 30] = LEVELS
    first, *others = (traced(levels) for levels in (speck, low, np.full(SHAPE, NODATA, np.uint8)))
    for pieces in others:
        for field in fields(first):
            found, expected = getattr(pieces, field.name), getattr(first, field.name)
            np.testing.assert_array_equal(found, expected, strict=True)


def test_a_road_at_the_limit_is_traced():
    """A block whose highest level is just enough for a road has one."""
    levels = np.zeros(SHAPE, np.uint8)
    levels[30:60] = GRID.level
    assert len(traced(levels).start) > 1
