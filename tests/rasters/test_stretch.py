"""Stretches are read, written, measured, and turned into scalings of stored values."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from geoseg.errors import SceneError, UsageError
from geoseg.rasters.read import scaled
from geoseg.rasters.stretch import Percentiles, Stretch, measure_stretch, parse_stretch
from geoseg.rasters.values import Unit

NUMBERS = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_what_is_shown_can_be_given_again(pairs):
    """The text of a stretch is read back as the same stretch."""
    text = ";".join(f"{min(pair)!r},{max(pair)!r}" for pair in pairs)
    assume(all(abs(float(f"{low:.6g}") - float(f"{high:.6g}")) > 1e-300 for low, high in pairs))
    stretch = parse_stretch(text)
    assert isinstance(stretch, Stretch)
    np.testing.assert_allclose(stretch.ranges, [sorted(pair) for pair in pairs], rtol=1e-5)
    assert parse_stretch(str(stretch)) == stretch


def test_kinds():
    """Words, ranges and percentiles are told apart."""
    assert parse_stretch("auto") is parse_stretch("none") is parse_stretch("joint") is None
    assert parse_stretch("p1,p99.5") == Percentiles(low=1, high=99.5)
    assert parse_stretch("-1000,3e3") == Stretch(ranges=((-1000, 3000),))
    assert parse_stretch("0,.5;1,2;3,4") == Stretch(ranges=((0, 0.5), (1, 2), (3, 4)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "car",
        "3",
        "3,2",
        "3,3",
        "1,2;",
        "1,2;4,3",
        "p2,98",
        "p98,p2",
        "p-1,p50",
        "p2,p101",
        "nan,1",
        "0,inf",
        "0,1e400",
        "-1e308,1e308",
        "0,1e-320",
    ],
)
def test_refused(text):
    """Anything else is refused with what is expected."""
    with pytest.raises(UsageError, match=r"`stretch` is auto, none, joint, LOW,HIGH .*got"):
        parse_stretch(text)


def test_scaling_of_stored_values():
    """A range of physical values becomes 0 to 255, through the scale and offset of each band."""
    units = (Unit(scale=1e-4, offset=-0.1), Unit(), Unit(scale=-2, offset=1))
    stretch = Stretch(ranges=((0.0, 0.3), (10, 500), (-9, 41)))
    for scaling, unit, limits in zip(stretch.scaling(units), units, stretch.ranges, strict=True):
        stored = (np.array(limits) - unit.offset) / unit.scale
        np.testing.assert_allclose((stored - scaling.offset) * scaling.gain, (0, 255), atol=1e-9)
    shared = Stretch(ranges=((10, 500),))
    assert shared.scaling(units[1:2] * 3) == Stretch(ranges=((10, 500),) * 3).scaling(units[1:2] * 3)
    with pytest.raises(UsageError, match="has 2 ranges; the model needs 1 for all bands, or 3"):
        Stretch(ranges=((0, 1), (0, 1))).scaling(units)


def test_measured():
    """The range of each band is between its percentiles, to the digits that are shown."""
    bands = [np.random.default_rng(band).gamma(2, 100.0 * (band + 1), 5000) for band in range(3)]
    stretch = measure_stretch("scene", bands, Percentiles(low=1, high=90))
    expected = [np.percentile(band, (1, 90)) for band in bands]
    np.testing.assert_allclose(stretch.ranges, expected, rtol=5e-6)
    assert parse_stretch(str(stretch)) == stretch


@pytest.mark.parametrize(
    ("low", "high"), [(4_000_000_000, 4_000_000_120), (1_000_000.25, 1_000_000.75), (-7_000_001, -7_000_000)]
)
def test_narrow_ranges_of_large_values(low, high):
    """A range keeps its digits however far from 0 it is: given, shown, measured and applied."""
    stretch = parse_stretch(f"{low!r},{high!r}")
    assert stretch.ranges == ((low, high),)
    assert parse_stretch(str(stretch)) == stretch
    assert "e" not in str(stretch)
    values = np.linspace(low, high, 1001)
    measured = measure_stretch("scene", [values], Percentiles(low=0, high=100))
    assert measured == stretch
    found = scaled(values[:, None], stretch.scaling((Unit(),)))
    np.testing.assert_allclose(found[:, 0], np.linspace(0, 255, 1001), atol=0.01)


@given(st.floats(-1e12, 1e12), st.floats(1e-3, 1e3))
def test_what_is_measured_can_be_given_again(low, spread):
    """The text of a measured range is read back as the same range, close to that of the values."""
    assume(low + spread > low)
    stretch = measure_stretch("scene", [np.array([low, low + spread])], Percentiles(low=0, high=100))
    assert parse_stretch(str(stretch)) == stretch
    np.testing.assert_allclose(stretch.ranges[0], (low, low + spread), atol=max(1e-4 * spread, 1e-3), rtol=1e-15)


@pytest.mark.parametrize("values", [np.full(9, 7.0), np.array([])])
def test_no_spread(values):
    """A band without spread is named."""
    with pytest.raises(SceneError, match="no spread in the model's band 2"):
        measure_stretch("scene", [np.arange(9.0), values], Percentiles())
