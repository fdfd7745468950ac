"""Counts of strips and of images add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt, uniform_filter
from sklearn.metrics import confusion_matrix

from geoseg.evaluation.counts import Comparison, Rules, total
from geoseg.evaluation.strips import haloed
from geoseg.models.legend import LEVELS

CLASSES = 3


def scene(seed, shape=(37, 23)):
    """Layers of blobs: predicted and true ids with gaps, then probabilities of every class."""
    random = np.random.default_rng(seed)
    fields = [uniform_filter(random.random(shape), 5) for _ in range(2 * CLASSES)]
    truth, predicted = np.argmax(fields[:CLASSES], axis=0), np.argmax(fields[CLASSES:], axis=0)
    ids = [np.where(random.random(shape) < 0.05, 255, layer) for layer in (predicted, truth)]
    weights = np.stack(fields[CLASSES:]) ** 8
    levels = np.rint(weights / weights.sum(axis=0) * LEVELS)
    return np.concatenate([np.stack(ids), np.where(ids[0] == 255, 255, levels)]).astype(np.uint8)


def compared(rules, strips):
    comparison = Comparison(rules)
    for layers, core in strips:
        comparison.add(layers[0], layers[1], core, probabilities=layers[2:])
    return comparison


def assert_same(one, other):
    np.testing.assert_array_equal(one.confusion.matrix, other.confusion.matrix)
    np.testing.assert_array_equal(one.confusion.unpredicted, other.confusion.unpredicted)
    for name in ("relaxed", "boundary", "sweeps", "calibration", "unlabelled"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 5),
    cuts=st.sets(st.integers(1, 36), max_size=12),
    erode=st.sampled_from([0, 1, 3, 4.5]),
    relax=st.sampled_from([0, 1, 3, 5.5]),
    ignored=st.sampled_from([(), (1,)]),
)
def test_strips_of_any_height(seed, cuts, erode, relax, ignored):
    """Every count is the same whether the image is compared at once or in strips of any height."""
    rules = Rules(classes=CLASSES, ignored=ignored, erode=erode, relax=relax)
    layers = scene(seed)
    pieces = np.split(layers, sorted(cuts), axis=1)
    whole = compared(rules, [(layers, slice(0, layers.shape[1]))])
    assert_same(compared(rules, haloed(iter(pieces), rules.halo)), whole)


def test_a_strip_needs_its_halo():
    """The halo is no larger than needed: with one row less, a border three rows above a strip is missed."""
    rules = Rules(classes=2, relax=3)
    rows = np.arange(26)[:, None] + np.zeros((1, 5), int)
    layers = np.stack([rows >= 13, rows >= 10, rows < 13, rows >= 13]).astype(np.uint8)
    whole = compared(rules, [(layers, slice(0, 26))])
    for halo, same in ((rules.halo, True), (rules.halo - 1, False)):
        parts = compared(rules, haloed(iter(np.split(layers, [13 + halo], axis=1)), halo))
        assert np.array_equal(parts.boundary, whole.boundary) is same


def test_images_add_up():
    """The total of two images sums each count; probabilities count only if both have them."""
    rules = Rules(classes=CLASSES)
    first, second = (compared(rules, [(scene(seed), slice(None))]) for seed in (1, 2))
    both = total([first, second])
    np.testing.assert_array_equal(both.confusion.matrix, first.confusion.matrix + second.confusion.matrix)
    for name in ("relaxed", "boundary", "sweeps", "calibration", "unlabelled"):
        expected = np.add(getattr(first, name), getattr(second, name))
        np.testing.assert_array_equal(getattr(both, name), expected, err_msg=name)
    without = Comparison(rules)
    without.add(*scene(3)[:2])
    assert total([first, without]).sweeps is None
    assert total([first, without]).calibration is None


def test_erosion_takes_boundaries_from_the_matrix_alone():
    """Erosion removes pixels near other classes from the matrix, and leaves relaxed scores unchanged."""
    predicted, truth = scene(4)[:2]
    truth = np.where(truth == 255, 0, truth)
    plain, eroded = Comparison(Rules(classes=CLASSES)), Comparison(Rules(classes=CLASSES, erode=3))
    for comparison in (plain, eroded):
        comparison.add(predicted, truth)
    kept = np.ones(truth.shape, bool)
    for number in range(CLASSES):
        kept &= (truth != number) | (distance_transform_edt(truth == number) > 3)
    kept &= predicted != 255
    expected = confusion_matrix(truth[kept], predicted[kept], labels=range(CLASSES))
    np.testing.assert_array_equal(eroded.confusion.matrix, expected)
    assert 0 < expected.sum() < plain.confusion.matrix.sum()
    np.testing.assert_array_equal(eroded.relaxed, plain.relaxed)
    np.testing.assert_array_equal(eroded.boundary, plain.boundary)


def test_confidence_is_that_of_the_predicted_class():
    """Confidence alone gives the same calibration as the probabilities of all classes."""
    predicted, truth, *probabilities = scene(5)
    confidence = np.take_along_axis(np.stack(probabilities), np.minimum(predicted, 2)[None].astype(int), axis=0)[0]
    by_confidence, by_class = Comparison(Rules(classes=CLASSES)), Comparison(Rules(classes=CLASSES))
    by_confidence.add(predicted, truth, confidence=confidence)
    by_class.add(predicted, truth, probabilities=np.stack(probabilities))
    np.testing.assert_array_equal(by_confidence.calibration, by_class.calibration)
    assert by_class.calibration[0].sum() == ((predicted != 255) & (truth != 255)).sum()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.int16])
def test_other_integers_are_no_class(dtype):
    """Ids beyond the classes, of any type of integers, count as `NODATA` in every score."""
    predicted, truth = scene(7)[:2]
    other = [value for value in (7, 254, 300, -1) if np.can_cast(np.min_scalar_type(value), dtype)]
    plain, odd = (Comparison(Rules(classes=CLASSES, erode=1)) for _ in range(2))
    plain.add(predicted, truth)
    ours, theirs = predicted.astype(dtype), truth.astype(dtype)
    for number, value in enumerate(other):
        for side, ids in ((ours, predicted), (theirs, truth)):
            rows, cols = np.nonzero(ids == 255)
            side[rows[number :: len(other)], cols[number :: len(other)]] = value
    odd.add(ours, theirs)
    for name in ("relaxed", "boundary", "unlabelled"):
        np.testing.assert_array_equal(getattr(odd, name), getattr(plain, name))
    np.testing.assert_array_equal(odd.confusion.matrix, plain.confusion.matrix)


@pytest.mark.parametrize("classes", [3, 7])
def test_other_number_of_classes(classes):
    """Counts for 255 classes, reduced to those that occur, equal counts for those classes."""
    predicted, truth = scene(6)[:2]
    many, few = Comparison(Rules(classes=255)), Comparison(Rules(classes=classes))
    many.add(predicted, truth)
    few.add(predicted, truth)
    assert many.highest == 2
    cut = many.resized(classes)
    for name in ("relaxed", "boundary", "unlabelled"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(few, name))
    np.testing.assert_array_equal(cut.confusion.matrix, few.confusion.matrix)
