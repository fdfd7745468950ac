"""The calibration error agrees with its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geoseg.evaluation.calibration import BINS, count_calibration, measure_calibration
from geoseg.models.legend import LEVELS


@settings(max_examples=50)
@given(levels=arrays(np.uint8, 60, elements=st.integers(0, LEVELS)), right=arrays(bool, 60))
def test_definition(levels, right):
    """The error is the mean gap between confidence and accuracy over bins of equal width, weighted by pixels."""
    confidence = levels / LEVELS
    error = 0.0
    for number in range(BINS):
        upper = confidence < (number + 1) / BINS if number < BINS - 1 else True
        inside = (confidence >= number / BINS) & upper
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert measure_calibration(count_calibration(levels, right)).error == pytest.approx(error)


def test_closed_form():
    """Full confidence has no error if correct, and an error of one half if half correct."""
    levels = np.full(100, LEVELS, np.uint8)
    assert measure_calibration(count_calibration(levels, np.ones(100, bool))).error == 0
    assert measure_calibration(count_calibration(levels, np.arange(100) % 2 == 0)).error == pytest.approx(0.5)


def test_counts_add_up():
    """Counts of parts add up to those of the whole, and every pixel is in one bin."""
    random = np.random.default_rng(1)
    levels, right = random.integers(0, LEVELS + 1, 500, dtype=np.uint8), random.random(500) < 0.5
    whole = count_calibration(levels, right)
    np.testing.assert_array_equal(
        count_calibration(levels[:200], right[:200]) + count_calibration(levels[200:], right[200:]), whole
    )
    assert sum(each.pixels for each in measure_calibration(whole).bins) == 500
