"""Pixel losses for partial labels, and sums of losses."""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from geoseg.models.backend import Tensor

LEAST = 1e-30
"""Least probability with a gradient: 1 / p and its multiples by class weights stay finite in float32."""


def allowed_matrix(allowed: Sequence[Sequence[int]], classes: int) -> npt.NDArray[np.float32]:
    """Return ones `(label values, classes)` where a label value allows a class, given the ids each allows."""
    matrix = np.zeros((len(allowed), classes), np.float32)
    for value, ids in enumerate(allowed):
        matrix[value, list(ids)] = 1
    return matrix


class MarginalCrossEntropy(keras.losses.Loss):  # type: ignore[misc]  # Keras is not typed
    """Negative log of the total probability of the classes that a label allows.

    A label value allows a set of classes: one for a fully labelled pixel, every class but road for "not road", all for
    an ignored pixel, whose loss and gradient are zero. With one class per label this is categorical cross-entropy; the
    marginal for partial labels follows Shi et al., 2021, Marginal loss and exclusion loss (arXiv:2007.03868).

    `weights` are by label value. The focal factor `(1 - probability)**gamma` reduces the loss of correct pixels (Lin et
    al., 2017, arXiv:1708.02002). Pixels whose label excludes that of a 4-connected neighbour have weight
    `1 + boundary_weight`.
    """

    def __init__(
        self,
        allowed: Sequence[Sequence[int]],
        *,
        classes: int,
        weights: Sequence[float] | None = None,
        gamma: float = 0.0,
        boundary_weight: float = 0.0,
    ) -> None:
        super().__init__(name="marginal_cross_entropy")
        self.matrix = allowed_matrix(allowed, classes)
        factors = np.ones(len(allowed), np.float32) if weights is None else np.asarray(weights, np.float32)
        # Probabilities sum to one only up to rounding, so a zero weight makes the loss of an ignored pixel zero.
        self.weights = np.where(self.matrix.all(axis=1), np.float32(0), factors)
        self.gamma = gamma
        self.boundary_weight = boundary_weight
        self.disjoint = (self.matrix @ self.matrix.T == 0).astype(np.float32)
        """Ones `(label values, label values)` where two labels share no class."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss `(tiles, height, width)` for label values of this shape and probabilities."""
        values = ops.cast(y_true, "int32")
        allowed = ops.take(self.matrix, values, axis=0)
        probability = ops.sum(allowed * ops.cast(y_pred, "float32"), axis=-1)
        loss = -ops.take(self.weights, values) * ops.log(ops.clip(probability, LEAST, 1.0))
        if self.gamma:
            # Clipped below 1, where the power has no gradient and which rounding may exceed.
            loss = loss * (1 - ops.clip(probability, 0.0, 1 - 1e-6)) ** self.gamma
        if self.boundary_weight:
            loss = loss * (1 + self.boundary_weight * self._boundary(values))
        return loss

    def _boundary(self, values: Tensor) -> Tensor:
        """Return ones where the label of one of the 4 neighbours excludes the pixel's, else zeros."""
        table = self.disjoint.ravel()
        across = ops.take(table, values[:, :, 1:] * len(self.disjoint) + values[:, :, :-1])
        down = ops.take(table, values[:, 1:] * len(self.disjoint) + values[:, :-1])
        sides = (
            ops.pad(across, ((0, 0), (0, 0), (1, 0))),
            ops.pad(across, ((0, 0), (0, 0), (0, 1))),
            ops.pad(down, ((0, 0), (1, 0), (0, 0))),
            ops.pad(down, ((0, 0), (0, 1), (0, 0))),
        )
        return ops.maximum(ops.maximum(sides[0], sides[1]), ops.maximum(sides[2], sides[3]))


class WeightedSum(keras.losses.Loss):  # type: ignore[misc]  # Keras is not typed
    """Weighted sum of losses; region losses count once per image, pixel losses as their mean."""

    def __init__(self, terms: Sequence[tuple[float, keras.losses.Loss]]) -> None:
        super().__init__(name="weighted_sum")
        self.terms = tuple(terms)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the sum of the terms in the shape of the most detailed; its mean is the sum of their means."""
        total = 0.0
        for weight, loss in self.terms:
            part = weight * loss.call(y_true, y_pred)
            total = total + (part[:, None, None] if len(part.shape) == 1 else part)
        return total
