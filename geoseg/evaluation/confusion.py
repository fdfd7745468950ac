"""Confusion matrix of predicted and reference classes, counted pixel by pixel."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import matrix_scores
from .scores import ClassScores, Scores


class Confusion:
    """Count pixels by reference and predicted class, for ids from 0 to `classes - 1`.

    Classes in `ignored` have no scores: where the reference has one, pixels are not compared. Predicting one elsewhere
    is still an error. Pixels predicted as `unknown`, an id that is not a class, are counted separately.
    """

    def __init__(self, classes: int, *, ignored: Collection[int] = (), unknown: int | None = None) -> None:
        self.classes = classes
        self.ignored = frozenset(ignored)
        self._unknown = unknown
        self.matrix: npt.NDArray[np.int64] = np.zeros((classes, classes), np.int64)
        """`(classes, classes)`: pixels by reference class (rows) and predicted class (columns)."""
        self.unpredicted: npt.NDArray[np.int64] = np.zeros(classes, np.int64)
        """`(classes,)`: pixels of each reference class without a predicted class, such as nodata."""
        self.unclassified: npt.NDArray[np.int64] = np.zeros(classes, np.int64)
        """`(classes,)`: pixels of each reference class that the prediction left unknown."""

    def add(self, predicted: npt.NDArray[Any], reference: npt.NDArray[Any]) -> None:
        """Count the pixels of two arrays of class ids of one shape; pixels without a reference class are skipped."""
        if predicted.shape != reference.shape:
            raise ValueError(
                f"prediction and reference must have the same shape, not {predicted.shape} and {reference.shape}."
            )
        side = self.classes + 2
        true, found = (_ids(values, self.classes) for values in (reference, predicted))
        if self._unknown is not None:
            found[predicted.ravel() == self._unknown] = self.classes + 1
        counts = np.bincount(true * side + found, minlength=side * side).reshape(side, side)
        scored = [number for number in range(self.classes) if number not in self.ignored]
        self.matrix[scored] += counts[scored, :-2]
        self.unpredicted[scored] += counts[scored, -2]
        self.unclassified[scored] += counts[scored, -1]

    def __add__(self, other: "Confusion") -> "Confusion":
        if (self.classes, self.ignored) != (other.classes, other.ignored):
            raise ValueError("confusion matrices of different classes cannot be added.")
        both = Confusion(self.classes, ignored=self.ignored)
        both.matrix = self.matrix + other.matrix
        both.unpredicted = self.unpredicted + other.unpredicted
        both.unclassified = self.unclassified + other.unclassified
        return both

    def scores(self, names: Sequence[str] | None = None) -> Scores:
        """Score the counts so far; without `names`, only for classes that occur, named by id."""
        matrix = self.matrix
        columns = {
            "true_positives": matrix_scores.true_positives(matrix),
            "false_positives": matrix_scores.false_positives(matrix),
            "false_negatives": matrix_scores.false_negatives(matrix),
            "support": matrix.sum(axis=1),
            "iou": matrix_scores.iou(matrix),
            "f1": matrix_scores.f1(matrix),
            "precision": matrix_scores.precision(matrix),
            "recall": matrix_scores.recall(matrix),
        }
        occurring = matrix.sum(axis=0) + matrix.sum(axis=1) > 0
        scored = [i for i in range(self.classes) if i not in self.ignored and (names is not None or occurring[i])]
        return Scores(
            classes=tuple(
                ClassScores(
                    id=number,
                    name=str(number) if names is None else names[number],
                    **{key: column[number].item() for key, column in columns.items()},
                )
                for number in scored
            ),
            pixels=int(matrix.sum()),
            unpredicted=int(self.unpredicted.sum()),
            unclassified=int(self.unclassified.sum()),
            overall_accuracy=float(matrix_scores.overall_accuracy(matrix)),
            mean_iou=float(matrix_scores.mean_of_defined(columns["iou"][scored])),
            mean_f1=float(matrix_scores.mean_of_defined(columns["f1"][scored])),
            frequency_weighted_iou=float(matrix_scores.frequency_weighted_iou(matrix)),
            kappa=float(matrix_scores.kappa(matrix)),
        )

    def to_json(self, names: Sequence[str] | None = None) -> dict[str, Any]:
        """Return scores and matrix as plain values."""
        return self.scores(names).to_json() | {"matrix": self.matrix.tolist()}


def _ids(values: npt.NDArray[Any], classes: int) -> npt.NDArray[np.intp]:
    """Flatten ids; unknown ones become `classes`."""
    flat = values.ravel()
    return np.where((flat >= 0) & (flat < classes), flat, classes).astype(np.intp)
