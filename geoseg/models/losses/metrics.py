"""Training metrics for partial labels."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from geoseg.models.backend import Tensor

from .pixels import allowed_matrix


class LabelAccuracy(keras.metrics.Mean):  # type: ignore[misc]  # Keras is not typed
    """Share of labelled pixels whose predicted class is allowed; a label value that allows all is unlabelled."""

    def __init__(self, allowed: Sequence[Sequence[int]], *, classes: int) -> None:
        super().__init__(name="accuracy")
        self.matrix = allowed_matrix(allowed, classes)
        self.labelled = 1 - self.matrix.all(axis=1).astype(np.float32)

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Count pixels: label values `(tiles, height, width)`, probabilities `(tiles, height, width, classes)`."""
        values, found = _flat(y_true, y_pred)
        right = ops.take(self.matrix.ravel(), values * self.matrix.shape[1] + found)
        super().update_state(right, sample_weight=ops.take(self.labelled, values))


class LabelJaccard(keras.metrics.Metric):  # type: ignore[misc]  # Keras is not typed
    """Mean Jaccard index of the labelled classes, each over pixels whose label allows it alone or excludes it."""

    def __init__(self, allowed: Sequence[Sequence[int]], *, classes: int) -> None:
        super().__init__(name="jaccard")
        self.matrix = allowed_matrix(allowed, classes)
        self.member = self.matrix * (self.matrix.sum(axis=1, keepdims=True) == 1)
        self.table = self.add_weight(shape=self.matrix.shape, initializer="zeros", name="table")
        """Pixels by label value and predicted class `(label values, classes)`."""

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Count pixels: label values `(tiles, height, width)`, probabilities `(tiles, height, width, classes)`."""
        values, found = _flat(y_true, y_pred)
        label_values, classes = self.matrix.shape
        pairs = values * classes + found
        counts = ops.segment_sum(ops.ones_like(pairs, "float32"), pairs, num_segments=label_values * classes)
        self.table.assign_add(ops.reshape(counts, (label_values, classes)))

    def result(self) -> Tensor:
        """Return the mean over classes with a pixel that allows no other; 0 if there is none."""
        table = ops.convert_to_tensor(self.table)
        shown = ops.matmul(ops.sum(table, axis=1), self.member)
        right = ops.sum(ops.multiply(table, self.member), axis=0)
        false = ops.sum(ops.multiply(table, 1 - self.matrix), axis=0)
        jaccard = right / ops.maximum(shown + false, 1)
        is_shown = ops.cast(shown > 0, "float32")
        return ops.sum(is_shown * jaccard) / ops.maximum(ops.sum(is_shown), 1)


def _flat(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Return label values and most probable classes, each `(pixels,)`."""
    found = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
    return ops.reshape(ops.cast(y_true, "int32"), (-1,)), ops.reshape(found, (-1,))
