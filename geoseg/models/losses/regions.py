"""Losses by region: how well the pixels of a class, taken together, meet those that are labelled so."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from geoseg.models.backend import Tensor

from .pixels import allowed_matrix


class RegionLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras is not typed
    """Mean, over the classes that an image is known to show, of one minus how well prediction and label overlap.

    Whether a pixel is of a class is known if its label allows that class alone, or excludes it; other pixels do not
    count for the class. A class that an image does not show has no overlap to speak of; what is predicted of it there
    is missing from those that it shows. Images are scored one by one, so that the loss of a batch is the same on
    however many devices it is spread.

    Parameters
    ----------
    allowed
        For each label value, in order, the class ids it allows.
    classes
        Number of classes of the network.
    weights
        For each class its weight in the mean; equal ones if None.
    """

    def __init__(
        self, allowed: Sequence[Sequence[int]], *, classes: int, weights: Sequence[float] | None = None
    ) -> None:
        super().__init__(name=type(self).__name__.lower())
        matrix = allowed_matrix(allowed, classes)
        self.member = matrix * (matrix.sum(axis=1, keepdims=True) == 1)
        """Ones `(label values, classes)` where a label is known to be of the class."""
        self.known = self.member + (1 - matrix)
        """Ones `(label values, classes)` where a label is known to be of the class, or not to be."""
        self.weights = np.ones(classes, np.float32) if weights is None else np.asarray(weights, np.float32)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of each image `(tiles,)` for label values `(tiles, height, width)` and probabilities."""
        values = ops.cast(y_true, "int32")
        member = ops.take(self.member, values, axis=0)
        probability = ops.take(self.known, values, axis=0) * ops.cast(y_pred, "float32")
        weights = self.weights * ops.max(member, axis=(1, 2))
        total = ops.sum(weights * self.class_losses(member, probability), axis=-1)
        return total / ops.maximum(ops.sum(weights, axis=-1), 1e-6)

    def class_losses(self, member: Tensor, probability: Tensor) -> Tensor:
        """Loss `(tiles, classes)` for membership and probability `(tiles, height, width, classes)`, 0 if unknown."""
        raise NotImplementedError


class Tversky(RegionLoss):
    """One minus true positives / (true positives + alpha false positives + beta false negatives).

    Salehi et al., 2017 (arXiv:1706.05721). With `alpha = beta = 0.5` it is one minus the Dice coefficient, with
    `alpha = beta = 1` one minus the Jaccard index.

    Parameters
    ----------
    alpha
        Weight of false positives.
    beta
        Weight of false negatives.
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
        """By probabilities in place of counts; Keras's own `Tversky` (3.15) takes each weight for the other."""
        right = ops.sum(member * probability, axis=(1, 2))
        false_positive = ops.sum((1 - member) * probability, axis=(1, 2))
        false_negative = ops.sum(member * (1 - probability), axis=(1, 2))
        errors = self.alpha * false_positive + self.beta * false_negative
        return errors / ops.maximum(right + errors, 1e-6)


class Lovasz(RegionLoss):
    """The Lovász extension of one minus the Jaccard index, at the errors of a class's pixels.

    Berman et al., 2018, The Lovász-Softmax loss (arXiv:1705.08790): convex in the errors, and equal to one minus the
    Jaccard index where each is 0 or 1.
    """

    def class_losses(self, member: Tensor, probability: Tensor) -> Tensor:
        """Sum of sorted errors, each times what it adds to the loss of the larger ones."""
        classes = member.shape[-1]
        errors = ops.reshape(ops.abs(member - probability), (ops.shape(member)[0], -1, classes))
        member = ops.reshape(member, (ops.shape(member)[0], -1, classes))
        # Unknown pixels have no error: they come last, and what they add is multiplied by zero.
        order = ops.argsort(-errors, axis=1)
        errors, member = ops.take_along_axis(errors, order, axis=1), ops.take_along_axis(member, order, axis=1)
        total = ops.sum(member, axis=1, keepdims=True)
        missed = ops.cumsum(member, axis=1)
        union = total + ops.cumsum(1 - member, axis=1)
        loss = 1 - (total - missed) / ops.maximum(union, 1)
        added = ops.concatenate([loss[:, :1], loss[:, 1:] - loss[:, :-1]], axis=1)
        return ops.sum(errors * ops.stop_gradient(added), axis=1)
