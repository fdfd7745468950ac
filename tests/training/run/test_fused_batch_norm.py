"""Fused batch normalisation equals Keras's."""

import keras
import numpy as np
import pytest

from geoseg.training.run.fused_batch_norm import FusedBatchNormalization, fuse_batch_norm

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="fused on TensorFlow only")


def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(5, 3, use_bias=False, name="first")(inputs)
    features = keras.layers.BatchNormalization(momentum=0.7, name="norm")(features)
    outputs = keras.layers.Conv2D(3, 1, activation="softmax", name="last")(keras.layers.ReLU()(features))
    return keras.Model(inputs, outputs)


def test_steps_are_those_of_keras():
    """After training steps, weights, moving statistics and predictions equal those of Keras's layers."""
    random = np.random.default_rng(0)
    pixels = random.normal(3, 2, (6, 8, 8, 3)).astype(np.float32)
    labels = random.integers(0, 3, (6, 6, 6))
    ours, keras_own = fuse_batch_norm(network()), network()
    assert isinstance(ours.get_layer("norm"), FusedBatchNormalization)
    for model in (ours, keras_own):
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", jit_compile=False)
        for _ in range(3):
            model.train_on_batch(pixels, labels)
    for one, other in zip(ours.weights, keras_own.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=one.path)
    np.testing.assert_allclose(ours.predict_on_batch(pixels), keras_own.predict_on_batch(pixels), atol=1e-5)


def test_reduced_precision_is_kept():
    """A mixed-precision network keeps its precision, with float32 statistics."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = fuse_batch_norm(network())
    finally:
        keras.mixed_precision.set_global_policy("float32")
    layer = mixed.get_layer("norm")
    assert (layer.compute_dtype, layer.moving_mean.dtype) == ("bfloat16", "float32")
    assert mixed(np.zeros((1, 8, 8, 3), np.float32), training=True).dtype == "bfloat16"


def test_frozen_statistics_stay():
    """A frozen layer normalises by its stored statistics."""
    model = fuse_batch_norm(network())
    model.get_layer("norm").trainable = False
    before = np.array(model.get_layer("norm").moving_mean)
    model(np.ones((2, 8, 8, 3), np.float32), training=True)
    np.testing.assert_array_equal(model.get_layer("norm").moving_mean, before)
