"""The confusion matrix and its scores agree with scikit-learn and with closed forms."""

import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    jaccard_score,
    precision_recall_fscore_support,
)

from geoseg.evaluation.confusion import Confusion

CLASSES = 4
IDS = arrays(np.uint8, (6, 7), elements=st.integers(0, CLASSES - 1))


def counted(predicted, truth, **arguments):
    confusion = Confusion(CLASSES, **arguments)
    confusion.add(predicted, truth)
    return confusion


@given(predicted=IDS, truth=IDS)
def test_agrees_with_scikit_learn(predicted, truth):
    """Matrix, IoU, F1, precision, recall, support, accuracy and kappa are scikit-learn's."""
    confusion = counted(predicted, truth)
    scores, true, found = confusion.scores("abcd"), truth.ravel(), predicted.ravel()
    labels = range(CLASSES)
    np.testing.assert_array_equal(confusion.matrix, confusion_matrix(true, found, labels=labels))
    precision, recall, f1, support = precision_recall_fscore_support(true, found, labels=labels, zero_division=np.nan)
    for name, expected in {"precision": precision, "recall": recall, "f1": f1, "support": support}.items():
        np.testing.assert_allclose([getattr(entry, name) for entry in scores.classes], expected, err_msg=name)
    occurring = [i for i in labels if (true == i).any() or (found == i).any()]
    iou = jaccard_score(true, found, labels=occurring, average=None)
    np.testing.assert_allclose([scores.classes[i].iou for i in occurring], iou)
    assert all(math.isnan(scores.classes[i].iou) for i in labels if i not in occurring)
    assert scores.mean_iou == pytest.approx(iou.mean())
    assert scores.overall_accuracy == pytest.approx(accuracy_score(true, found))
    shares = np.array([(true == i).mean() for i in occurring])
    assert scores.frequency_weighted_iou == pytest.approx((shares * iou).sum())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn divides by zero where there is one class
        expected = cohen_kappa_score(true, found)
    assert scores.kappa == pytest.approx(expected, nan_ok=True)


@given(predicted=IDS, truth=IDS, cut=st.integers(0, 6))
def test_counts_add_up(predicted, truth, cut):
    """Counting in parts, or adding the counts of parts, equals counting the whole."""
    whole = counted(predicted, truth)
    parts = counted(predicted[:cut], truth[:cut]) + counted(predicted[cut:], truth[cut:])
    np.testing.assert_array_equal(parts.matrix, whole.matrix)
    in_turn = counted(predicted[:cut], truth[:cut])
    in_turn.add(predicted[cut:], truth[cut:])
    np.testing.assert_array_equal(in_turn.matrix, whole.matrix)


@settings(max_examples=30)
@given(
    predicted=arrays(np.uint8, 40, elements=st.sampled_from([0, 1, 2, 3, 4, 255])),
    truth=arrays(np.int16, 40, elements=st.sampled_from([0, 1, 2, 3, 4, 255, 300, -1])),
)
def test_values_that_are_no_class(predicted, truth):
    """Reference values without a class are skipped; predicted ones are counted separately and not scored."""
    confusion = counted(predicted, truth)
    known = (truth >= 0) & (truth < CLASSES)
    both = known & (predicted < CLASSES)
    np.testing.assert_array_equal(confusion.matrix, counted(predicted[both], truth[both].astype(np.uint8)).matrix)
    scores = confusion.scores()
    assert scores.pixels == both.sum()
    assert scores.unpredicted == (known & ~both).sum()


def test_ignored_class():
    """Reference pixels of an ignored class are not compared; predicting it elsewhere is still an error."""
    truth = np.array([0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 2, 1, 1, 0, 2])
    scores = counted(predicted, truth, ignored=[2]).scores("abcd")
    assert [entry.name for entry in scores.classes] == ["a", "b", "d"]
    assert scores.pixels == 4
    assert scores.classes[0].false_negatives == 1
    assert scores.classes[0].false_positives == 0
    assert scores.overall_accuracy == 3 / 4
    assert scores.mean_iou == pytest.approx((1 / 2 + 1) / 2)


def test_classes_without_names():
    """Without names, occurring classes are listed by id."""
    scores = counted(np.array([1, 3]), np.array([1, 1])).scores()
    assert [(entry.id, entry.name) for entry in scores.classes] == [(1, "1"), (3, "3")]


def test_json():
    """The document is valid JSON: plain numbers, and null for undefined scores."""
    document = json.loads(json.dumps(counted(np.array([0, 0]), np.array([0, 1])).to_json("abcd"), allow_nan=False))
    assert document["matrix"][1][0] == 1
    assert document["classes"][3]["iou"] is None
    assert document["classes"][1] == {
        "id": 1, "name": "b", "true_positives": 0, "false_positives": 0, "false_negatives": 1, "support": 1,
        "iou": 0, "f1": 0, "precision": None, "recall": 0,
    }  # fmt: skip


def test_nothing_counted():
    """Scores of no pixels are undefined rather than an error."""
    scores = Confusion(CLASSES).scores("abcd")
    assert scores.pixels == 0
    assert all(math.isnan(value) for value in (scores.overall_accuracy, scores.mean_iou, scores.kappa))


def test_shapes_must_agree():
    """Arrays of different shapes, and matrices of different classes, are refused."""
    with pytest.raises(ValueError, match="must have the same shape"):
        counted(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))
    with pytest.raises(ValueError, match="different classes"):
        _ = Confusion(2) + Confusion(3)
