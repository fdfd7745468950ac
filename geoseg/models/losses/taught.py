"""Cross-entropy with a teacher's probabilities."""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from geoseg.models.backend import Tensor

from .pixels import LEAST


def known_classes(teacher: Sequence[str], student: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return ones `(teacher's classes, student's classes)` where the names are equal."""
    return np.array([[ours == theirs for ours in student] for theirs in teacher], np.float32)


class TaughtCrossEntropy(keras.losses.Loss):  # type: ignore[misc]  # Keras is not typed
    """Cross-entropy of a student's probabilities with a teacher's, which may know other classes.

    It distils the knowledge of one network into another by its probabilities, not by its classes alone (Hinton et al.,
    2015, arXiv:1503.02531). `known` is the result of `known_classes`. Classes that only the student has count as one,
    and so do those that only the teacher has: a network for roads teaches where roads are, and nothing about houses. If
    the student has no classes of its own, what the teacher gives to others is left out.
    """

    def __init__(self, known: npt.NDArray[np.float32]) -> None:
        super().__init__(name="taught_cross_entropy")
        common = known.sum(axis=0) > 0
        theirs, ours = known.sum(axis=1, keepdims=True) == 0, ~common[:, None]
        # One column for each class in common, then one for all others.
        columns = slice(None, -1) if common.all() else slice(None)
        self._teacher = np.hstack([known[:, common], theirs])[:, columns].astype(np.float32)
        self._student = np.hstack([np.eye(len(common))[:, common], ours])[:, columns].astype(np.float32)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss `(windows, height, width)`, given the probabilities of teacher and student."""
        wanted = ops.matmul(ops.stop_gradient(y_true), self._teacher)
        found = ops.matmul(ops.cast(y_pred, "float32"), self._student)
        return -ops.sum(wanted * ops.log(ops.clip(found, LEAST, 1.0)), axis=-1)
