"""Dividing the logits of a network by a temperature."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from geoseg.errors import BundleError
from geoseg.models.networks.presets import build_preset
from geoseg.models.temperature import divide_logits

PIXELS = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3)).astype(np.float32)
SOURCE = Path("city.keras")


def functional(*last):
    pixels = keras.Input((None, None, 3))
    tensor = layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    for layer in last:
        tensor = layer(tensor)
    return keras.Model(pixels, tensor)


HEADS = {
    "activation": lambda: functional(layers.Conv2D(4, 1, activation="softmax")),
    "softmax layer": lambda: functional(layers.Conv2D(4, 3, padding="same"), layers.Softmax()),
    "activation layer": lambda: functional(layers.Conv2D(4, 1, use_bias=False), layers.Activation("softmax")),
    "after upsampling": lambda: functional(
        layers.Conv2D(4, 2, strides=2), layers.UpSampling2D(2, interpolation="bilinear"), layers.Softmax()
    ),
    "per pixel": lambda: functional(layers.Dense(4, activation="softmax")),
    "sequential": lambda: keras.Sequential(
        [keras.Input((None, None, 3)), layers.Rescaling(1 / 99), layers.Conv2D(4, 1), layers.Activation("softmax")]
    ),
    "preset": lambda: build_preset("unet", bands=3, classes=5, width=2, depth=1),
}


def probabilities(network):
    return np.asarray(keras.ops.convert_to_numpy(network(PIXELS, training=False)), np.float64)


@pytest.mark.parametrize("build", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("temperature", [0.6, 3.0])
def test_probabilities_are_those_of_divided_logits(build, temperature):
    """New probabilities are softmax(log(old) / temperature), and the classes stay the same."""
    keras.utils.set_random_seed(1)
    network = build()
    before = probabilities(network)
    divide_logits(network, temperature, source=SOURCE)
    after = probabilities(network)
    powers = before ** (1 / temperature)
    np.testing.assert_allclose(after, powers / powers.sum(axis=-1, keepdims=True), atol=1e-5)
    assert np.abs(after - before).max() > 1e-2
    assert (after.argmax(axis=-1) == before.argmax(axis=-1)).all()


def two_uses():
    pixels = keras.Input((None, None, 3))
    logits = layers.Conv2D(4, 1, name="logits")(pixels)
    return keras.Model(pixels, layers.Softmax()(layers.Add()([logits, logits])))


@pytest.mark.parametrize(
    ("build", "found"),
    [
        (lambda: functional(layers.Conv2D(4, 1, activation="sigmoid", name="head")), "head, .* Conv2D and .* sigmoid"),
        (lambda: functional(layers.Conv2D(4, 1, name="head")), "ends in layer head, of class Conv2D"),
        (lambda: functional(layers.Conv2D(4, 1), layers.Softmax(axis=1, name="head")), "head, of class Softmax"),
        (lambda: functional(layers.Conv2D(4, 1), layers.ReLU(name="top"), layers.Softmax()), "top, of class ReLU"),
        (lambda: functional(layers.Conv2D(4, 1, activation="relu", name="top"), layers.Softmax()), "top, .* relu"),
        (two_uses, "ends in layer add"),
    ],
)
def test_other_heads_are_refused(build, found):
    """Weights that do not scale the logits of one softmax are not touched; the error names the layer."""
    keras.utils.set_random_seed(1)
    network = build()
    before = network.get_weights()
    with pytest.raises(BundleError, match=rf"city\.keras {found}|{found}"):
        divide_logits(network, 2.0, source=SOURCE)
    for one, other in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_logits_that_are_used_elsewhere_are_refused():
    """If something else sees the logits, dividing them would change more than the probabilities."""
    pixels = keras.Input((None, None, 3))
    logits = layers.Conv2D(4, 1, name="logits")(pixels)
    gate = layers.Conv2D(4, 1, activation="sigmoid")(logits)
    network = keras.Model(pixels, layers.Softmax()(layers.Multiply()([logits, gate])))
    with pytest.raises(BundleError, match="only a softmax right after one convolution can be calibrated"):
        divide_logits(network, 2.0, source=SOURCE)
