"""A network that augments its batches within the training step."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from geoseg.models.backend import Tensor

Prepare = Callable[[dict[str, Tensor]], tuple[Tensor, Tensor]]
"""Turns a batch of training data into pixels and label values."""


class TrainingNetwork(keras.Model):  # type: ignore[misc]  # Keras is not typed
    """The layers and weights of a network; `fit` takes what `prepare` turns into pixels and label values.

    Each backend calls `train_step` from its own compiled function, so that batches are prepared on the device.
    """

    def __init__(self, network: keras.Model, prepare: Prepare) -> None:
        super().__init__(network.inputs[0], network.outputs[0])
        self._prepare = prepare

    def train_step(self, *arguments: Any) -> Any:  # noqa: ANN401 - of Keras's trainer for the backend
        """Take a training step; the last argument is the data, those before it are the state on JAX."""
        *state, (batch,) = arguments
        return super().train_step(*state, self._prepare(batch))

    def build_loss(self) -> None:
        """Create the variables of loss and metrics, which Keras would do by calling the network with a batch."""
        side, classes = 8, self.output_shape[-1]
        labels = ops.zeros((1, side, side), "uint8")
        scores = ops.full((1, side, side, classes), 1 / classes)
        self.compute_loss(y=labels, y_pred=scores)
        self.compute_metrics(None, labels, scores)
        self.reset_metrics()
