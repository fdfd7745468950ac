import keras
import numpy as np
import pytest

from geoseg.models.losses.pixels import MarginalCrossEntropy

CLASSES = 4
ROAD = 2
NOT_ROAD, IGNORED = 4, 5
ALLOWED = [[0], [1], [2], [3], [0, 1, 3], [0, 1, 2, 3]]


@pytest.fixture
def probabilities():
    """Probabilities `(tiles, height, width, classes)` that sum to one."""
    logits = np.random.default_rng(0).normal(size=(2, 5, 3, CLASSES))
    return (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).astype(np.float32)


def loss_map(loss, labels, probabilities):
    return keras.ops.convert_to_numpy(loss.call(labels, probabilities))


def test_one_class_a_label_is_categorical_cross_entropy(probabilities):
    """With one class per label, the loss is Keras's categorical cross-entropy."""
    labels = np.random.default_rng(1).integers(0, CLASSES, probabilities.shape[:3])
    expected = keras.losses.SparseCategoricalCrossentropy()(labels, probabilities)
    loss = MarginalCrossEntropy(ALLOWED, classes=CLASSES)(labels, probabilities)
    np.testing.assert_allclose(float(loss), float(expected), rtol=1e-6)


def test_a_set_of_classes_is_scored_by_its_total(probabilities):
    """The loss of "not road" is the negative log of the total probability of all other classes."""
    labels = np.full(probabilities.shape[:3], NOT_ROAD)
    loss = loss_map(MarginalCrossEntropy(ALLOWED, classes=CLASSES), labels, probabilities)
    np.testing.assert_allclose(loss, -np.log(1 - probabilities[..., ROAD]), rtol=1e-5)


def test_weights_scale_the_loss_of_their_label(probabilities):
    """A label's weight scales the loss of its own pixels only."""
    labels = np.random.default_rng(1).integers(0, len(ALLOWED), probabilities.shape[:3])
    weights = [1.0, 0.5, 2.0, 0.0, 3.0, 1.0]
    plain = loss_map(MarginalCrossEntropy(ALLOWED, classes=CLASSES), labels, probabilities)
    weighted = loss_map(MarginalCrossEntropy(ALLOWED, classes=CLASSES, weights=weights), labels, probabilities)
    np.testing.assert_allclose(weighted, plain * np.asarray(weights)[labels], rtol=1e-6)


def test_certainty_of_a_wrong_class_has_a_finite_loss():
    """Zero probability of all allowed classes gives a large but finite loss."""
    wrong = np.eye(CLASSES, dtype=np.float32)[None, None, :1]
    (loss,) = loss_map(MarginalCrossEntropy(ALLOWED, classes=CLASSES), np.array([[[1]]]), wrong).ravel()
    np.testing.assert_allclose(loss, -np.log(1e-30), rtol=1e-5)


@pytest.mark.parametrize(("gamma", "weight"), [(0.0, 1.0), (0.0, 1000.0), (2.0, 1.0)])
@pytest.mark.parametrize("gap", [14, 40, 65])
def test_certainty_of_a_wrong_class_is_unlearnt(gap, gamma, weight):
    """Its gradient by logits is that of cross-entropy, softmax minus label, however large their gap."""
    network = keras.Sequential([keras.Input((1, 1, 1)), keras.layers.Dense(CLASSES, activation="softmax")])
    loss = MarginalCrossEntropy(ALLOWED, classes=CLASSES, weights=np.full(len(ALLOWED), weight), gamma=gamma)
    network.compile(optimizer=keras.optimizers.SGD(1.0), loss=loss, jit_compile=False)
    logits = np.array([gap, 0, -1, 1], np.float32)
    network.set_weights([np.zeros((1, CLASSES), np.float32), logits])
    network.train_on_batch(np.ones((1, 1, 1, 1)), np.array([[[1]]]))
    gradient = logits - network.get_weights()[1]
    np.testing.assert_allclose(gradient, np.multiply(weight, [1, -1, 0, 0]), rtol=1e-4, atol=1e-5 * weight)


@pytest.mark.parametrize(("label", "learns"), [(IGNORED, False), (NOT_ROAD, True), (0, True)])
def test_an_ignored_pixel_teaches_nothing(label, learns):
    """An ignored pixel has neither loss nor gradient: an optimizer step changes no weight."""
    keras.utils.set_random_seed(0)
    pixels = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype(np.float32)
    network = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Dense(CLASSES, activation="softmax")])
    network.compile(
        optimizer=keras.optimizers.SGD(1.0), loss=MarginalCrossEntropy(ALLOWED, classes=CLASSES), jit_compile=False
    )
    before = network.get_weights()
    loss = network.train_on_batch(pixels, np.full((1, 4, 4), label))
    same = [np.array_equal(old, new) for old, new in zip(before, network.get_weights(), strict=True)]
    assert (loss > 0) == learns
    assert not any(same) if learns else all(same)


def test_focal_loss_is_keras_focal_loss(probabilities):
    """With one class per label, the focal factor gives Keras's categorical focal cross-entropy."""
    labels = np.random.default_rng(1).integers(0, CLASSES, probabilities.shape[:3])
    onehot = np.eye(CLASSES, dtype=np.float32)[labels]
    expected = keras.losses.categorical_focal_crossentropy(onehot, probabilities, alpha=1.0, gamma=3.0)
    loss = loss_map(MarginalCrossEntropy(ALLOWED, classes=CLASSES, gamma=3.0), labels, probabilities)
    np.testing.assert_allclose(loss, keras.ops.convert_to_numpy(expected), rtol=1e-4)


def test_pixels_beside_another_class_weigh_more(probabilities):
    """Exactly the pixels with a 4-connected neighbour whose label excludes theirs are on a boundary."""
    labels = np.random.default_rng(5).integers(0, len(ALLOWED), probabilities.shape[:3])
    boundary = np.zeros(labels.shape, bool)
    for tile, row, col in np.ndindex(labels.shape):
        for other in [(row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)]:
            if 0 <= other[0] < labels.shape[1] and 0 <= other[1] < labels.shape[2]:
                boundary[tile, row, col] |= not set(ALLOWED[labels[tile, row, col]]) & set(
                    ALLOWED[labels[tile, other[0], other[1]]]
                )
    assert 0 < boundary.sum() < boundary.size
    plain = loss_map(MarginalCrossEntropy(ALLOWED, classes=CLASSES), labels, probabilities)
    weighted = loss_map(MarginalCrossEntropy(ALLOWED, classes=CLASSES, boundary_weight=1.5), labels, probabilities)
    np.testing.assert_allclose(weighted, np.where(boundary, 2.5 * plain, plain), rtol=1e-6)
