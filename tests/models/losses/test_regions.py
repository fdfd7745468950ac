"""Region losses, against closed forms, stock Keras and the definition of the Lovász extension."""

import keras
import numpy as np
import pytest
from keras import ops

from geoseg.models.losses.pixels import MarginalCrossEntropy, WeightedSum
from geoseg.models.losses.regions import Lovasz, Tversky

CLASSES = 4
ROAD = 2
NOT_ROAD, IGNORED = 4, 5
ALLOWED = [[0], [1], [2], [3], [0, 1, 3], [0, 1, 2, 3]]
LOSSES = {
    "dice": Tversky(ALLOWED, classes=CLASSES),
    "jaccard": Tversky(ALLOWED, classes=CLASSES, alpha=1, beta=1),
    "tversky": Tversky(ALLOWED, classes=CLASSES, alpha=0.3, beta=0.7),
    "lovasz": Lovasz(ALLOWED, classes=CLASSES),
    "cross_entropy": MarginalCrossEntropy(ALLOWED, classes=CLASSES, boundary_weight=2.0),
    "focal": MarginalCrossEntropy(ALLOWED, classes=CLASSES, gamma=2.0),
}


def probabilities(shape=(2, 6, 5), seed=0):
    logits = np.random.default_rng(seed).normal(size=(*shape, CLASSES))
    return (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).astype(np.float32)


def labels(shape=(2, 6, 5), values=IGNORED + 1, seed=1):
    drawn = np.random.default_rng(seed).integers(0, values, shape)
    drawn[:, 0, :4] = range(4)  # every class is shown, so that none is left out of the mean
    return drawn


def losses(loss, truth, probability):
    return ops.convert_to_numpy(loss.call(truth, probability))


def known_pixels(truth, category):
    """Membership of a class, and where it is known, by the label values' sets."""
    member = np.isin(truth, [v for v, ids in enumerate(ALLOWED) if ids == [category]])
    return member, member | np.isin(truth, [v for v, ids in enumerate(ALLOWED) if category not in ids])


def mean_over_classes(truth, probability, loss_of_class):
    """Mean loss of the classes labelled in each image."""
    means = []
    for labelled, scores in zip(truth, probability.astype(np.float64), strict=True):
        found = []
        for category in range(CLASSES):
            member, known = known_pixels(labelled, category)
            if member.any():
                found.append(loss_of_class(member[known], scores[..., category][known]))
        means.append(np.mean(found) if found else 0.0)
    return np.array(means)


def tversky(alpha, beta):
    def of_class(member, score):
        right, false = (member * score).sum(), ((1 - member) * score).sum()
        return 1 - right / (right + alpha * false + beta * (member * (1 - score)).sum())

    return of_class


def lovasz(member, score):
    """The extension of a set function: errors in descending order, each times the increment by its pixel."""
    errors = np.abs(member - score)
    total, wrong, before = 0.0, np.zeros(len(member), bool), 0.0
    for pixel in np.argsort(-errors, kind="stable"):
        wrong[pixel] = True
        jaccard_loss = wrong.sum() / (member | wrong).sum()
        total += errors[pixel] * (jaccard_loss - before)
        before = jaccard_loss
    return total


@pytest.mark.parametrize(
    ("name", "of_class"),
    [("dice", tversky(0.5, 0.5)), ("jaccard", tversky(1, 1)), ("tversky", tversky(0.3, 0.7)), ("lovasz", lovasz)],
)
def test_classes_are_scored_over_the_pixels_where_they_are_known(name, of_class):
    """A region loss is its definition over the pixels of known membership, averaged over the labelled classes."""
    truth, probability = labels(), probabilities()
    expected = mean_over_classes(truth, probability, of_class)
    np.testing.assert_allclose(losses(LOSSES[name], truth, probability), expected, rtol=1e-4)


def test_dice_is_keras_dice_where_all_is_labelled():
    """With one class per label, Dice equals Keras's, class by class and image by image."""
    truth, probability = labels(values=CLASSES), probabilities()
    onehot = np.eye(CLASSES, dtype=np.float32)[truth]
    expected = ops.convert_to_numpy(keras.losses.dice(onehot, probability, axis=(1, 2))).mean(axis=-1)
    np.testing.assert_allclose(losses(LOSSES["dice"], truth, probability), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["dice", "jaccard", "tversky", "lovasz"])
def test_a_certain_right_answer_costs_nothing_and_a_wrong_one_all(name):
    """Probabilities of 0 and 1 give a loss of 0 if all are right, of 1 if all are wrong."""
    truth = labels(values=CLASSES)
    right = np.eye(CLASSES, dtype=np.float32)[truth]
    np.testing.assert_allclose(losses(LOSSES[name], truth, right), 0, atol=1e-6)
    np.testing.assert_allclose(losses(LOSSES[name], truth, right[..., [1, 2, 3, 0]]), 1, atol=1e-6)


def test_lovasz_of_certain_answers_is_one_minus_jaccard():
    """At errors of 0 and 1 the Lovász extension equals the set function that it extends."""
    truth, guess = labels(values=CLASSES), labels(values=CLASSES, seed=7)
    np.testing.assert_allclose(
        losses(LOSSES["lovasz"], truth, np.eye(CLASSES, dtype=np.float32)[guess]),
        losses(LOSSES["jaccard"], truth, np.eye(CLASSES, dtype=np.float32)[guess]),
        rtol=1e-5,
    )


def test_class_weights_weigh_the_mean():
    """With all weight on one class the loss is that class's."""
    truth, probability = labels(), probabilities()
    only = Tversky(ALLOWED, classes=CLASSES, weights=[0, 0, 1, 0])
    expected = [tversky(0.5, 0.5)(*pixels(t, p)) for t, p in zip(truth, probability, strict=True)]
    np.testing.assert_allclose(losses(only, truth, probability), expected, rtol=1e-4)


def pixels(labelled, scores):
    member, known = known_pixels(labelled, ROAD)
    return member[known], scores[..., ROAD][known]


def test_an_image_that_shows_no_class_for_sure_costs_nothing():
    """Without a pixel of known class there is no region to score."""
    truth = np.full((1, 6, 5), NOT_ROAD)
    for name in ("dice", "lovasz"):
        assert losses(LOSSES[name], truth, probabilities((1, 6, 5))) == 0


def gradients(loss, truth, logits):
    """Gradient of the mean loss with respect to the logits, on any backend."""
    match keras.backend.backend():
        case "jax":
            import jax

            return np.asarray(jax.grad(lambda tensor: ops.mean(loss.call(truth, ops.softmax(tensor))))(logits))
        case "tensorflow":
            import tensorflow as tf

            tensor = tf.constant(logits)
            with tf.GradientTape() as tape:
                tape.watch(tensor)
                value = ops.mean(loss.call(truth, ops.softmax(tensor)))
            return tape.gradient(value, tensor).numpy()
    pytest.skip("gradients are taken on JAX and TensorFlow")


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite_and_pass_ignored_pixels_by(name):
    """Every loss has finite gradients, even at probabilities of 0 and 1, and none at ignored pixels."""
    truth = labels()
    drawn = np.random.default_rng(3).normal(size=(*truth.shape, CLASSES)).astype(np.float32)
    for logits in (drawn, 200 * drawn):
        gradient = gradients(LOSSES[name], truth, logits)
        assert np.isfinite(gradient).all()
        assert not gradient[truth == IGNORED].any()
    assert gradients(LOSSES[name], truth, drawn)[truth == ROAD].any()


@pytest.mark.parametrize("name", LOSSES)
def test_the_labels_of_ignored_pixels_do_not_matter(name):
    """Ignoring part of an image gives the loss of the rest, whatever was predicted there."""
    truth, probability = labels(), probabilities()
    other = np.where((truth == IGNORED)[..., None], probabilities(seed=9), probability)
    np.testing.assert_allclose(losses(LOSSES[name], truth, probability), losses(LOSSES[name], truth, other), rtol=1e-6)


def test_a_sum_is_the_weighted_sum_of_its_terms():
    """The loss of a batch is the weighted sum of the terms' losses."""
    truth, probability = labels(), probabilities()
    total = WeightedSum([(1.0, LOSSES["focal"]), (0.5, LOSSES["dice"]), (2.0, LOSSES["lovasz"])])
    expected = sum(
        w * float(LOSSES[name](truth, probability)) for w, name in [(1, "focal"), (0.5, "dice"), (2, "lovasz")]
    )
    np.testing.assert_allclose(float(total(truth, probability)), expected, rtol=1e-5)
