"""Relaxed scores agree with SciPy's distance transform, at one threshold and at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from geoseg.evaluation.relaxed import count_near, count_sweep, score_near, score_sweep
from geoseg.models.legend import LEVELS

SHAPE = (14, 15)
WHOLE = slice(0, SHAPE[0])


def within(mask, radius):
    return distance_transform_edt(~mask) <= radius if mask.any() else mask


@settings(max_examples=40)
@given(
    predicted=arrays(np.uint8, SHAPE, elements=st.sampled_from([*range(11), 255])),
    truth=arrays(np.uint8, SHAPE, elements=st.sampled_from([*range(11), 255])),
    radius=st.sampled_from([0, 1, 2, 3]),
)
def test_counts_are_distances(predicted, truth, radius):
    """For more classes than a byte has bits, near pixels of each agree with SciPy."""
    counts = count_near(predicted, truth, radius, WHOLE, 11)
    for number in range(11):
        found, true = predicted == number, truth == number
        expected = [found.sum(), (found & within(true, radius)).sum(), true.sum(), (true & within(found, radius)).sum()]
        assert counts[:, number].tolist() == expected


def test_scores_in_closed_form():
    """A road that is one pixel off is correct when relaxed; missed and false roads are not."""
    truth, predicted = np.full((9, 30), 0, np.uint8), np.full((9, 30), 0, np.uint8)
    truth[2], predicted[3] = 1, 1
    precision, recall, f1 = score_near(count_near(predicted, truth, 1, slice(0, 9), 3))
    assert (precision[1], recall[1], f1[1]) == (1, 1, 1)
    truth[8, :10] = 1  # a third as long, and missed
    precision, recall, f1 = score_near(count_near(predicted, truth, 1, slice(0, 9), 3))
    assert (precision[1], recall[1]) == (1, 3 / 4)
    assert f1[1] == pytest.approx(6 / 7)
    assert np.isnan([precision[2], recall[2], f1[2]]).all()
    invented = score_near(count_near(predicted, np.zeros_like(truth), 1, slice(0, 9), 3))
    assert invented[0][1] == invented[2][1] == 0
    assert np.isnan(invented[1][1])


@settings(max_examples=25)
@given(
    levels=arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 60, 127, 128, 253, 254, 255])),
    true=arrays(bool, SHAPE),
    known=arrays(bool, SHAPE, elements=st.sampled_from([True, True, True, False])),
    radius=st.sampled_from([0, 1, 3]),
)
def test_sweep_is_every_threshold(levels, true, known, radius):
    """The curve agrees with scores computed for each threshold."""
    true &= known & (levels != 255)
    found = score_sweep(count_sweep(levels, true, known, radius, WHOLE))
    for level in (0, 1, 60, 61, 128, 254):
        predicted = known & (levels >= level) & (levels != 255)
        counts = count_near(np.where(predicted, 1, 255), np.where(true, 1, 255), radius, WHOLE, 2)
        precision, recall, _ = score_near(counts)
        np.testing.assert_allclose(found.precision[level], precision[1])
        if true.any():
            np.testing.assert_allclose(found.recall[level], recall[1])


def test_break_even_in_closed_form():
    """Break-even is interpolated where precision and recall cross between two thresholds."""
    counts = np.zeros((3, LEVELS + 1), np.int64)
    counts[:, 200] = 60, 60, 50  # predicted at 200: precision 1, recall 0.5
    counts[:, 100] = 40, 20, 50  # predicted at 100: precision 0.8, recall 1
    found = score_sweep(counts)
    assert (found.precision[100], found.recall[100]) == (0.8, 1)
    # Both are constant from 101 to 200, so they cross between 100 and 101: 1 - 0.5 t = 0.8 + 0.2 t.
    t = 2 / 7
    assert found.break_even == pytest.approx(1 - 0.5 * t)
    assert found.threshold == pytest.approx((100 + t) / LEVELS)


def test_break_even_of_a_perfect_map():
    """A fully confident, correct map breaks even at 1."""
    true = np.zeros(SHAPE, bool)
    true[5] = True
    levels = np.where(true, LEVELS, 0).astype(np.uint8)
    found = score_sweep(count_sweep(levels, true, np.ones(SHAPE, bool), 0, WHOLE))
    assert found.break_even == 1


def test_no_break_even_without_truth():
    """A class without reference pixels has no break-even point."""
    levels = np.full(SHAPE, 100, np.uint8)
    found = score_sweep(count_sweep(levels, np.zeros(SHAPE, bool), np.ones(SHAPE, bool), 3, WHOLE))
    assert np.isnan([found.break_even, found.threshold]).all()
