"""Layers for CPUs compute what Keras's do."""

import keras
import numpy as np
import pytest

from geoseg.training.run.cpu_layers import FusedBatchNormalization, use_cpu_layers

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="layers of TensorFlow")


def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(5, 3, use_bias=False, name="first")(inputs)
    features = keras.layers.BatchNormalization(momentum=0.7, name="norm")(features)
    features = keras.layers.DepthwiseConv2D(3, padding="same", name="depthwise")(features)
    outputs = keras.layers.Conv2D(3, 1, activation="softmax", name="last")(keras.layers.ReLU()(features))
    return keras.Model(inputs, outputs)


def test_steps_are_those_of_keras():
    """After training steps, weights, moving statistics and predictions equal those of Keras's layers."""
    random = np.random.default_rng(0)
    pixels = random.normal(3, 2, (6, 8, 8, 3)).astype(np.float32)
    labels = random.integers(0, 3, (6, 6, 6))
    ours, keras_own = use_cpu_layers(network()), network()
    assert isinstance(ours.get_layer("norm"), FusedBatchNormalization)
    for model in (ours, keras_own):
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", jit_compile=False)
        for _ in range(3):
            model.train_on_batch(pixels, labels)
    for one, other in zip(ours.weights, keras_own.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=one.path)
    np.testing.assert_allclose(ours.predict_on_batch(pixels), keras_own.predict_on_batch(pixels), atol=1e-5)


def test_reduced_precision_is_kept():
    """A mixed-precision network keeps its precision, but for statistics and depthwise convolutions."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = use_cpu_layers(network())
    finally:
        keras.mixed_precision.set_global_policy("float32")
    layer = mixed.get_layer("norm")
    assert (layer.compute_dtype, layer.moving_mean.dtype) == ("bfloat16", "float32")
    assert mixed.get_layer("first").compute_dtype == "bfloat16"
    assert mixed.get_layer("depthwise").compute_dtype == "float32"
    assert mixed(np.zeros((1, 8, 8, 3), np.float32), training=True).dtype == "bfloat16"


def test_frozen_statistics_stay():
    """A frozen layer normalises by its stored statistics."""
    model = use_cpu_layers(network())
    model.get_layer("norm").trainable = False
    before = np.array(model.get_layer("norm").moving_mean)
    scores = model(np.ones((2, 8, 8, 3), np.float32), training=True)
    np.testing.assert_allclose(scores, network()(np.ones((2, 8, 8, 3), np.float32), training=False), atol=1e-6)
    np.testing.assert_array_equal(model.get_layer("norm").moving_mean, before)
