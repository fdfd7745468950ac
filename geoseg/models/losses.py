"""Cross-entropy for labels that know only part of the legend."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from .backend import Tensor


class MarginalCrossEntropy(keras.losses.Loss):  # type: ignore[misc]  # Keras is not typed
    """Negative log of the total probability of the classes that a label allows.

    A label value stands for a set of classes. A fully labelled pixel allows one class; "not road" allows every class
    but road; an ignored pixel allows all of them, and then its loss and gradient are zero. With one class a label this
    is categorical cross-entropy; the marginal for partial labels follows Shi et al., 2021, Marginal loss and exclusion
    loss (arXiv:2007.03868).

    Parameters
    ----------
    allowed
        For each label value, in order, the class ids it allows.
    weights
        For each label value the factor of its pixels' loss; ones if None.
    classes
        Number of classes of the network.
    """

    def __init__(
        self, allowed: Sequence[Sequence[int]], *, classes: int, weights: Sequence[float] | None = None
    ) -> None:
        super().__init__(name="marginal_cross_entropy")
        matrix = np.zeros((len(allowed), classes), np.float32)
        for value, ids in enumerate(allowed):
            matrix[value, list(ids)] = 1
        self.matrix = matrix
        factors = np.ones(len(allowed), np.float32) if weights is None else np.asarray(weights, np.float32)
        # Probabilities sum to one up to rounding only: the loss of an ignored pixel is zero by its weight.
        self.weights = np.where(matrix.all(axis=1), np.float32(0), factors)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of each pixel `(tiles, height, width)` for label values `(tiles, height, width)` and probabilities."""
        values = ops.cast(y_true, "int32")
        allowed = ops.take(self.matrix, values, axis=0)
        probability = ops.sum(allowed * ops.cast(y_pred, "float32"), axis=-1)
        return -ops.take(self.weights, values) * ops.log(ops.clip(probability, 1e-6, 1.0))
