from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal.windows import hann, triang

from geoseg.tiling import FAMILIES, Axis, ramp, taper

BLENDING = [family for family in FAMILIES if family != "flat"]


@st.composite
def axes(draw):
    tile = draw(st.integers(1, 300))
    return Axis(size=draw(st.integers(1, 900)), tile=tile, overlap=draw(st.integers(0, tile // 2)))


def summed(axis, family):
    start = axis.start
    total = np.zeros(axis.span(axis.count - 1).stop - start, np.float32)
    for index in range(axis.count):
        span = axis.span(index)
        total[span.start - start : span.stop - start] += taper(axis, index, family)
    return total


@given(axes(), st.sampled_from(FAMILIES))
def test_shifted_copies_sum_to_exactly_one(axis, family):
    """The weights of all tiles at a pixel sum to exactly 1.0, for any size, tile and overlap."""
    assert (summed(axis, family) == 1).all()


@given(
    rows=st.builds(lambda n, o: Axis(size=n, tile=20, overlap=o), st.integers(1, 50), st.integers(0, 10)),
    cols=st.builds(lambda n, o: Axis(size=n, tile=23, overlap=o), st.integers(1, 50), st.integers(0, 11)),
    family=st.sampled_from(FAMILIES),
)
def test_outer_products_sum_to_exactly_one(rows, cols, family):
    """In two dimensions, where four tiles meet, float32 still holds each product and each sum exactly."""
    total = np.zeros((2 * rows.size + 40, 2 * cols.size + 46), np.float32)
    for i in range(rows.count):
        for j in range(cols.count):
            down, across = rows.span(i), cols.span(j)
            product = taper(rows, i, family)[:, None] * taper(cols, j, family)
            total[down.start - rows.start : down.stop - rows.start, across.start - cols.start :][:, : cols.tile] += (
                product
            )
    covered = total[: rows.span(rows.count - 1).stop - rows.start, : cols.span(cols.count - 1).stop - cols.start]
    assert (covered == 1).all()


@given(st.sampled_from(FAMILIES), st.integers(0, 600))
def test_ramps_rise_in_steps_of_one_in_4096(family, overlap):
    """Ramps rise from 0 to 1 in multiples of 1/4096, which makes sums of their products exact."""
    weights = ramp(family, overlap)
    assert weights.dtype == np.float32
    assert all(Fraction(float(weight)) * 4096 % 1 == 0 for weight in weights)
    assert (np.diff(weights) >= 0).all()
    assert ((weights >= 0) & (weights <= 1)).all()


@given(st.sampled_from(BLENDING), st.integers(0, 300))
def test_blending_favours_no_side(family, overlap):
    """Reversed, a ramp is the weight of the predecessor."""
    weights = ramp(family, overlap)
    np.testing.assert_array_equal(weights[::-1], 1 - weights)


@given(st.integers(1, 300))
def test_hann_is_scipys_hann(overlap):
    """The Hann ramp is the rising half of SciPy's Hann window at pixel centres, to the quantisation."""
    # A window of 4n + 1 samples has the pixel centres of an overlap of n at every other sample.
    expected = hann(4 * overlap + 1)[1 : 2 * overlap : 2]
    np.testing.assert_allclose(ramp("hann", overlap), expected, atol=0.5 / 4096 + 1e-7)


@given(st.integers(1, 300))
def test_linear_is_scipys_triangle(overlap):
    """The linear ramp is the rising half of SciPy's triangular window, to the quantisation."""
    np.testing.assert_allclose(ramp("linear", overlap), triang(2 * overlap)[:overlap], atol=0.5 / 4096 + 1e-7)


@given(st.integers(1, 100))
def test_spline_is_the_squared_triangle(half):
    """The spline ramp is the rising half of the window of Chevalier's smooth blending of image patches.

    Oracle: its published definition, from the squared triangular window, outer and inner part joined at a quarter.
    """
    size = 4 * half
    outer = (2 * triang(size)) ** 2 / 2
    inner = 1 - (2 * (triang(size) - 1)) ** 2 / 2
    expected = np.where(np.arange(size) < half, outer, inner)[: size // 2]
    np.testing.assert_allclose(ramp("spline", size // 2), expected, atol=0.5 / 4096 + 1e-7)


@given(st.integers(0, 101))
def test_flat_switches_once_in_the_middle(overlap):
    """Without blending, each pixel belongs to one tile, and the halves of the overlap differ by at most a pixel."""
    weights = ramp("flat", overlap)
    assert set(weights.tolist()) <= {0.0, 1.0}
    assert 0 <= (weights == 0).sum() - (weights == 1).sum() <= 1


def test_no_ramp_towards_the_border():
    """A scene of one tile has no ramp, nor have the outer sides of border tiles."""
    assert (taper(Axis(size=5, tile=8, overlap=4), 0, "hann") == 1).all()
    axis = Axis(size=20, tile=8, overlap=4)
    assert (taper(axis, 0, "hann")[:4] == 1).all()
    assert (taper(axis, axis.count - 1, "hann")[4:] == 1).all()


def test_ramps_are_shared_and_cannot_be_changed():
    """A ramp is computed once and is read-only, so that no caller can spoil it for another."""
    assert ramp("hann", 32) is ramp("hann", 32)
    with pytest.raises(ValueError, match="read-only"):
        ramp("hann", 32)[0] = 1


def test_an_unknown_window_is_refused_by_name():
    """The error gives the requested name and the known ones."""
    with pytest.raises(ValueError, match="window 'gauss' is unknown; choose one of hann, linear, spline, flat"):
        ramp("gauss", 8)
