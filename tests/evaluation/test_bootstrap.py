"""Bootstrap intervals agree with drawing images explicitly."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, jaccard_score

from geoseg.evaluation.bootstrap import bootstrap_intervals, score_counts
from geoseg.evaluation.counts import Comparison, Rules

CLASSES = 3


@pytest.fixture
def scenes():
    """Pairs of predicted and true ids: five images of different quality."""
    random = np.random.default_rng(7)
    truths = [random.integers(0, CLASSES, (12, 12), dtype=np.uint8) for _ in range(5)]
    return [
        (
            np.where(random.random((12, 12)) < wrong, random.integers(0, CLASSES, (12, 12)), truth).astype(np.uint8),
            truth,
        )
        for truth, wrong in zip(truths, (0.05, 0.2, 0.4, 0.6, 0.9), strict=True)
    ]


def compared(scenes):
    found = []
    for predicted, truth in scenes:
        found.append(Comparison(Rules(classes=CLASSES, relax=1)))
        found[-1].add(predicted, truth)
    return found


def test_agrees_with_drawing_pixels(scenes):
    """Intervals are quantiles of scikit-learn's scores over the pixels of the drawn images."""
    ends = bootstrap_intervals(compared(scenes), range(CLASSES), resamples=40, seed=3)
    drawn = np.random.default_rng(3).integers(5, size=(40, 5))
    expected = {"overall_accuracy": [], "mean_iou": [], "kappa": []}
    for images in drawn:
        predicted, true = (np.concatenate([scenes[i][side].ravel() for i in images]) for side in (0, 1))
        expected["overall_accuracy"].append(accuracy_score(true, predicted))
        expected["mean_iou"].append(jaccard_score(true, predicted, average="macro"))
        expected["kappa"].append(cohen_kappa_score(true, predicted))
    for name, values in expected.items():
        np.testing.assert_allclose(ends[name], np.quantile(values, [0.025, 0.975]), err_msg=name)


def test_seed_decides(scenes):
    """The same seed gives the same intervals, another seed others."""
    one, same, other = (
        bootstrap_intervals(compared(scenes), range(CLASSES), resamples=100, seed=seed)["mean_iou"]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_images_alike_leave_no_doubt(scenes):
    """With identical images, every interval is a point."""
    ends = bootstrap_intervals(compared(scenes[2:3] * 4), range(CLASSES), resamples=70, seed=0)
    for name, (low, high) in ends.items():
        np.testing.assert_allclose(low, high, err_msg=name)


def test_absent_class_is_undefined(scenes):
    """A class that no image has is NaN, and does not affect the means."""
    more = []
    for predicted, truth in scenes:
        more.append(Comparison(Rules(classes=CLASSES + 1, relax=1)))
        more[-1].add(predicted, truth)
    ends = bootstrap_intervals(more, range(CLASSES + 1), resamples=50, seed=0)
    assert np.isnan(ends["class_iou"][:, CLASSES]).all()
    np.testing.assert_array_equal(
        ends["mean_iou"], bootstrap_intervals(compared(scenes), range(3), resamples=50, seed=0)["mean_iou"]
    )


def test_statistics_of_a_stack(scenes):
    """Scores of stacked matrices equal those of each matrix."""
    comparisons = compared(scenes)
    stacks = [np.stack([each.confusion.matrix for each in comparisons])]
    stacks += [np.stack([getattr(each, name) for each in comparisons]) for name in ("relaxed", "boundary")]
    together = score_counts(*stacks, range(CLASSES))
    for number in range(5):
        for name, value in score_counts(*(stack[number] for stack in stacks), range(CLASSES)).items():
            np.testing.assert_array_equal(together[name][number], value, err_msg=name)
