"""Metrics for partial labels, against scikit-learn and counts by definition."""

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, jaccard_score

from geoseg.models.losses.metrics import LabelAccuracy, LabelJaccard
from geoseg.models.losses.pixels import MarginalCrossEntropy

CLASSES = 4
ALLOWED = [[0], [1], [2], [3], [0, 1, 3], [0, 1, 2, 3]]


def batches(values, count=3):
    random = np.random.default_rng(0)
    for _ in range(count):
        yield random.integers(0, values, (2, 7, 5)), random.random((2, 7, 5, CLASSES)).astype(np.float32)


def scored(metric, values):
    for truth, probability in batches(values):
        metric.update_state(truth, probability)
    return float(metric.result())


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (LabelAccuracy, accuracy_score),
        (LabelJaccard, lambda truth, found: jaccard_score(truth, found, average="macro")),
    ],
)
def test_fully_labelled_pixels_are_scored_as_ever(metric, expected):
    """With one class per label, accuracy and Jaccard index over all batches equal scikit-learn's."""
    truth, found = zip(*((t.ravel(), p.argmax(-1).ravel()) for t, p in batches(CLASSES)), strict=True)
    score = scored(metric(ALLOWED, classes=CLASSES), CLASSES)
    assert score == pytest.approx(expected(np.concatenate(truth), np.concatenate(found)), rel=1e-5)


def test_accuracy_counts_what_a_label_allows():
    """A pixel is correct if its label allows the predicted class; pixels whose label allows all do not count."""
    pairs = [(v, c) for t, p in batches(6) for v, c in zip(t.ravel(), p.argmax(-1).ravel(), strict=True) if v != 5]
    expected = np.mean([c in ALLOWED[v] for v, c in pairs])
    assert scored(LabelAccuracy(ALLOWED, classes=CLASSES), 6) == pytest.approx(expected, rel=1e-5)


def test_jaccard_counts_a_class_where_it_is_known():
    """A class is scored on the pixels whose label is that class or excludes it."""
    truth, found = (
        np.concatenate(a) for a in zip(*((t.ravel(), p.argmax(-1).ravel()) for t, p in batches(6)), strict=True)
    )
    expected = []
    for category in range(CLASSES):
        known = np.isin(truth, [v for v, ids in enumerate(ALLOWED) if ids == [category] or category not in ids])
        expected.append(jaccard_score(truth[known] == category, found[known] == category))
    assert scored(LabelJaccard(ALLOWED, classes=CLASSES), 6) == pytest.approx(np.mean(expected), rel=1e-5)


def test_classes_that_are_not_shown_do_not_count():
    """The mean is over the labelled classes; predicting an unlabelled class lowers their scores."""
    metric = LabelJaccard(ALLOWED, classes=CLASSES)
    metric.update_state(np.array([[[0, 0, 1, 1]]]), np.eye(CLASSES, dtype=np.float32)[np.array([[[0, 3, 1, 1]]])])
    assert float(metric.result()) == pytest.approx((1 / 2 + 1) / 2)


@pytest.mark.parametrize("metric", [LabelAccuracy, LabelJaccard])
def test_an_epoch_starts_from_nothing(metric):
    """After a reset, and without labelled pixels, the score is 0."""
    metric = metric(ALLOWED, classes=CLASSES)
    assert scored(metric, 6) > 0
    metric.reset_state()
    metric.update_state(np.full((1, 3, 3), 5), np.ones((1, 3, 3, CLASSES), np.float32))
    assert float(metric.result()) == 0


def test_fit_reports_metrics():
    """`fit` reports compiled metrics under their names on every backend."""
    network = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Dense(CLASSES, activation="softmax")])
    network.compile(
        loss=MarginalCrossEntropy(ALLOWED, classes=CLASSES),
        metrics=[m(ALLOWED, classes=CLASSES) for m in (LabelAccuracy, LabelJaccard)],
    )
    pixels = np.random.default_rng(0).random((4, 4, 4, 3)).astype(np.float32)
    truth = np.random.default_rng(1).integers(0, CLASSES, (4, 4, 4)).astype(np.uint8)
    history = network.fit(pixels, truth, batch_size=2, verbose=0).history
    assert set(history) == {"loss", "accuracy", "jaccard"}
    scores = network.evaluate(pixels, truth, batch_size=2, verbose=0, return_dict=True)
    found = keras.ops.convert_to_numpy(network(pixels)).argmax(-1).ravel()
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth.ravel(), found))
    assert scores["jaccard"] == pytest.approx(jaccard_score(truth.ravel(), found, average="macro"), rel=1e-5)
