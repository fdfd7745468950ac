"""Layers in the form that TensorFlow trains fastest on a CPU, without XLA."""

from typing import Any

import keras

from geoseg.models.backend import Tensor


class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]  # Keras is not typed
    """Batch normalisation by TensorFlow's fused operation instead of Keras's dozen, with the weights of its base class.

    Keras's layer takes a third of a training step of the default network on two cores.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        """Normalise `(batch, rows, columns, channels)`."""
        import tensorflow as tf

        # Only the feature maps have reduced precision: the operation's statistics are float32.
        trains = bool(training and self.trainable)
        mean, variance = [tf.zeros([0])] * 2 if trains else [self.moving_mean.value, self.moving_variance.value]
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=trains,
        )
        if not trains:
            return outputs
        pixels = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], tf.float32)
        variance *= (pixels - 1) / pixels  # from the operation's sample variance to Keras's population variance
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return outputs


def use_cpu_layers(network: keras.Model) -> keras.Model:
    """Copy a network and its weights with fused batch normalisation, and depthwise convolutions in float32.

    In bfloat16, the gradients of depthwise convolutions with strides, or with kernels of more than 3 x 3, take oneDNN
    ten times as long as in float32, which is half a training step of a network with an EfficientNet-Lite0 encoder.
    """
    copy: Any = keras.models.clone_model(network, clone_function=_copy_layer)
    copy.set_weights(network.get_weights())
    return copy


def _copy_layer(layer: keras.Layer) -> keras.Layer:
    settings = layer.get_config()
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        settings |= {"dtype": "float32"}
    kind = FusedBatchNormalization if type(layer) is keras.layers.BatchNormalization else type(layer)
    return kind.from_config(settings)
