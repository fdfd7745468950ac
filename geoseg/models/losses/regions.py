"""Region losses: overlap of predicted and labelled pixels."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from geoseg.models.backend import Tensor

from .pixels import allowed_matrix


class RegionLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras is not typed
    """Mean of one minus the overlap of prediction and label, over the classes labelled in an image.

    A pixel counts for a class if its label allows that class alone, or excludes it. Classes not labelled in an image
    have no overlap; predicting them there lowers the overlap of the others. Images are scored one by one, so the loss
    of a batch does not depend on the number of devices. `weights` holds the weight of each class in the mean.
    """

    def __init__(
        self, allowed: Sequence[Sequence[int]], *, classes: int, weights: Sequence[float] | None = None
    ) -> None:
        super().__init__(name=type(self).__name__.lower())
        matrix = allowed_matrix(allowed, classes)
        self.member = matrix * (matrix.sum(axis=1, keepdims=True) == 1)
        """Ones `(label values, classes)` where a label allows the class alone."""
        self.known = self.member + (1 - matrix)
        """Ones `(label values, classes)` where a label allows the class alone, or excludes it."""
        self.weights = np.ones(classes, np.float32) if weights is None else np.asarray(weights, np.float32)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss `(tiles,)` for label values `(tiles, height, width)` and probabilities."""
        values = ops.cast(y_true, "int32")
        member = ops.take(self.member, values, axis=0)
        probability = ops.take(self.known, values, axis=0) * ops.cast(y_pred, "float32")
        weights = ops.multiply(self.weights, ops.max(member, axis=(1, 2)))
        total = ops.sum(weights * self.class_losses(member, probability), axis=-1)
        return total / ops.maximum(ops.sum(weights, axis=-1), 1e-6)

    def class_losses(self, member: Tensor, probability: Tensor) -> Tensor:
        """Return the loss `(tiles, classes)` for membership and probability `(tiles, height, width, classes)`."""
        raise NotImplementedError


class Tversky(RegionLoss):
    """One minus true positives / (true positives + alpha false positives + beta false negatives).

    Salehi et al., 2017 (arXiv:1706.05721). With `alpha = beta = 0.5` it is one minus the Dice coefficient, with
    `alpha = beta = 1` one minus the Jaccard index.
    """

    def __init__(
        self,
        allowed: Sequence[Sequence[int]],
        *,
        classes: int,
        weights: Sequence[float] | None = None,
        alpha: float = 0.5,
        beta: float = 0.5,
    ) -> None:
        super().__init__(allowed, classes=classes, weights=weights)
        self.alpha = alpha
        self.beta = beta

    def class_losses(self, member: Tensor, probability: Tensor) -> Tensor:
        """Use probabilities as counts; Keras's own `Tversky` (3.15) swaps the two weights."""
        right = ops.sum(member * probability, axis=(1, 2))
        false_positive = ops.sum((1 - member) * probability, axis=(1, 2))
        false_negative = ops.sum(member * (1 - probability), axis=(1, 2))
        errors = self.alpha * false_positive + self.beta * false_negative
        return errors / ops.maximum(right + errors, 1e-6)


class Lovasz(RegionLoss):
    """Lovász extension of one minus the Jaccard index, evaluated at the errors of a class's pixels.

    Berman et al., 2018, The Lovász-Softmax loss (arXiv:1705.08790): convex in the errors, and equal to one minus the
    Jaccard index where each is 0 or 1.
    """

    def class_losses(self, member: Tensor, probability: Tensor) -> Tensor:
        """Sum the sorted errors, each times its increment to the loss of the larger ones."""
        classes = member.shape[-1]
        errors = ops.reshape(ops.abs(member - probability), (ops.shape(member)[0], -1, classes))
        member = ops.reshape(member, (ops.shape(member)[0], -1, classes))
        # Unknown pixels have no error: they come last, and their increment is multiplied by zero.
        order = ops.argsort(-errors, axis=1)
        errors, member = ops.take_along_axis(errors, order, axis=1), ops.take_along_axis(member, order, axis=1)
        total = ops.sum(member, axis=1, keepdims=True)
        missed = ops.cumsum(member, axis=1)
        union = total + ops.cumsum(1 - member, axis=1)
        loss = 1 - (total - missed) / ops.maximum(union, 1)
        added = ops.concatenate([loss[:, :1], loss[:, 1:] - loss[:, :-1]], axis=1)
        return ops.sum(errors * ops.stop_gradient(added), axis=1)
