from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.tiling import lanczos_radius, lanczos_weights, nearest_exact, source_interval, targets_before

lengths = st.integers(1, 400)


@st.composite
def parts(draw):
    """A part of a target axis: start, stop, target length, source length."""
    n_out, n_in = draw(lengths), draw(lengths)
    start = draw(st.integers(0, n_out - 1))
    return start, draw(st.integers(start + 1, n_out)), n_out, n_in


@given(lengths, lengths)
def test_nearest_exact_holds_the_centre(n_out, n_in):
    """The source pixel contains the target pixel's centre, in exact fractions."""
    for target, source in enumerate(nearest_exact(n_out, n_in)):
        centre = Fraction(2 * target + 1, 2 * n_out)
        assert Fraction(int(source), n_in) <= centre < Fraction(int(source) + 1, n_in)


@given(parts())
def test_nearest_exact_of_a_part(part):
    """It is that of the whole, without the indices of all pixels, which a target of any size may have."""
    start, stop, n_out, n_in = part
    np.testing.assert_array_equal(
        nearest_exact(n_out, n_in, slice(start, stop)), nearest_exact(n_out, n_in)[start:stop]
    )
    assert nearest_exact(2**40, 2**20, slice(2**40 - 1, 2**40)) == 2**20 - 1


@given(lengths, lengths)
def test_targets_before_are_those_of_nearest_exact(n_out, n_in):
    """They are counted without the indices of all pixels, which a scene of any size may have."""
    sources = nearest_exact(n_out, n_in)
    for source in range(n_in + 1):
        assert targets_before(source, n_out, n_in) == (sources < source).sum()
    assert targets_before(2**33, 2**31 - 1, 2**33) == 2**31 - 1


@given(st.integers(1, 60), st.integers(1, 20))
def test_nearest_exact_enlarges_by_repetition(n_in, factor):
    """A whole factor repeats each pixel that many times."""
    np.testing.assert_array_equal(nearest_exact(n_in * factor, n_in), np.repeat(np.arange(n_in), factor))


@given(parts())
def test_weights_of_a_part_are_those_of_the_whole(part):
    """Taps depend only on the position in the whole target: any division into blocks has the same bits."""
    start, stop, n_out, n_in = part
    for piece, whole in zip(
        lanczos_weights(start, stop, n_out, n_in), lanczos_weights(0, n_out, n_out, n_in), strict=True
    ):
        np.testing.assert_array_equal(piece, whole[start:stop])


@given(parts())
def test_weights_keep_a_constant(part):
    """The weights of each target pixel sum to one."""
    _, weights = lanczos_weights(*part)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)


@given(parts())
def test_the_source_interval_holds_every_tap_that_weighs(part):
    """No pixel outside `source_interval` has a weight, and the interval is inside the source."""
    start, stop, n_out, n_in = part
    interval = source_interval(start, stop, n_out, n_in, lanczos_radius(n_out, n_in))
    assert 0 <= interval.start < interval.stop <= n_in
    taps, weights = lanczos_weights(*part)
    used = taps[weights != 0]
    assert interval.start <= used.min()
    assert used.max() < interval.stop


@given(lengths, st.integers(1, 400))
def test_weights_follow_the_kernel(n_out, n_in):
    """Oracle: the kernel's closed form, evaluated for every pair of target and source pixel, then normalised."""
    stretch = max(1.0, n_in / n_out)
    centres = (np.arange(n_out)[:, None] + 0.5) * n_in / n_out
    x = (np.arange(n_in) + 0.5 - centres) / stretch
    dense = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
    dense /= dense.sum(axis=1, keepdims=True)
    taps, weights = lanczos_weights(0, n_out, n_out, n_in)
    found = np.zeros_like(dense)
    np.add.at(found, (np.arange(n_out)[:, None], taps), weights)
    np.testing.assert_allclose(found, dense, atol=1e-9)


def test_the_same_size_changes_nothing():
    """At scale one each pixel has weight one and all others zero, to the rounding of sin(pi)."""
    taps, weights = lanczos_weights(0, 9, 9, 9)
    np.testing.assert_array_equal(taps[np.abs(weights) > 1e-15], np.arange(9))


@pytest.mark.parametrize(("n_out", "n_in", "radius"), [(10, 10, 3), (20, 10, 3), (10, 20, 6), (2, 3, Fraction(9, 2))])
def test_the_kernel_widens_when_reducing(n_out, n_in, radius):
    """Three source pixels, times the reduction factor when downsampling."""
    assert lanczos_radius(n_out, n_in) == radius


@pytest.mark.parametrize("lengths", [(0, 5), (5, 0)])
def test_nothing_cannot_be_resampled(lengths):
    """An axis without pixels is refused."""
    with pytest.raises(ValueError, match="at least one source and one target pixel"):
        nearest_exact(*lengths)


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (3, 3), (4, 11)])
def test_a_part_outside_the_target_is_refused(start, stop):
    """Target pixels must be within the target."""
    with pytest.raises(ValueError, match=f"within 0:10, found {start}:{stop}"):
        source_interval(start, stop, 10, 20, Fraction(1))
