"""A network that augments its batches within the training step."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from geoseg.models.backend import Tensor

Prepare = Callable[[dict[str, Tensor]], tuple[Tensor, Tensor]]
"""Turns a batch of training data into pixels and label values."""


class TrainingNetwork(keras.Model):  # type: ignore[misc]  # Keras is not typed
    """The layers and weights of a network; `fit` takes what `prepare` turns into pixels and label values.

    Each backend calls `train_step` from its own compiled function, so that batches are prepared on the device. The loss
    of a training step uses the labels as completed by the `teachers`, one after the other, and the probabilities that
    they teach; everything else uses the labels as they are.
    """

    def __init__(self, network: keras.Model, prepare: Prepare, teachers: Sequence[keras.layers.Layer] = ()) -> None:
        super().__init__(network.inputs[0], network.outputs[0])
        self._prepare = prepare
        # An attribute of the model, so that each backend's step gets its variables as they are by then.
        self.teachers = list(teachers)

    def train_step(self, *arguments: Any) -> Any:  # noqa: ANN401 - of Keras's trainer for the backend
        """Take a training step; the last argument is the data, those before it are the state on JAX."""
        *state, (batch,) = arguments
        return super().train_step(*state, self._prepare(batch))

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Compute the loss; in training, for labels completed by the teachers, and probabilities that they teach."""
        taught = 0.0
        for teacher in self.teachers if training else []:
            y, more = teacher(x, y, y_pred)
            taught += more
        return taught + super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)

    def build_variables(self) -> None:
        """Create the variables of loss, metrics and optimizer.

        Keras would call the network with a batch for the first, and TensorFlow trace the step twice for the last.
        """
        side, classes = 8, self.output_shape[-1]
        labels = ops.zeros((1, side, side), "uint8")
        scores = ops.full((1, side, side, classes), 1 / classes)
        self.compute_loss(y=labels, y_pred=scores, training=False)
        self.compute_metrics(None, labels, scores)
        self.reset_metrics()
        self.optimizer.build(self.trainable_variables)

    def copy_network_weights(self) -> list[npt.NDArray[np.generic]]:
        """Copy the weights of the network, without the teachers'."""
        layers = [layer for layer in self.layers if layer not in self.teachers]
        return [np.array(weight) for layer in layers for weight in layer.get_weights()]
