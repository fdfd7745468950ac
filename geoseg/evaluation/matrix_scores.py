"""Scores of confusion matrices, in closed form.

A matrix is `(…, classes, classes)`, reference in rows and prediction in columns; leading axes stack matrices. A score
of 0 / 0 is NaN: a class in neither reference nor prediction has no score.
"""

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def quotient(dividend: npt.ArrayLike, divisor: npt.ArrayLike) -> Floats:
    """`dividend / divisor`, NaN where the divisor is zero."""
    divisor = np.asarray(divisor, np.float64)
    return np.asarray(dividend, np.float64) / np.where(divisor == 0, np.nan, divisor)


def true_positives(matrix: Counts) -> Counts:
    """Correct pixels of each class `(…, classes)`."""
    return np.asarray(np.diagonal(matrix, axis1=-2, axis2=-1))


def false_positives(matrix: Counts) -> Counts:
    """Pixels predicted as each class whose reference is another, `(…, classes)`."""
    return np.asarray(matrix.sum(axis=-2) - true_positives(matrix))


def false_negatives(matrix: Counts) -> Counts:
    """Reference pixels of each class predicted as another, `(…, classes)`."""
    return np.asarray(matrix.sum(axis=-1) - true_positives(matrix))


def iou(matrix: Counts) -> Floats:
    """Intersection over union, or Jaccard index, of each class `(…, classes)`."""
    right = true_positives(matrix)
    return quotient(right, right + false_positives(matrix) + false_negatives(matrix))


def f1(matrix: Counts) -> Floats:
    """F1, or Dice coefficient, of each class `(…, classes)`."""
    right = true_positives(matrix)
    return quotient(2 * right, 2 * right + false_positives(matrix) + false_negatives(matrix))


def precision(matrix: Counts) -> Floats:
    """Share of the predicted pixels of each class that are correct, `(…, classes)`: user's accuracy."""
    return quotient(true_positives(matrix), matrix.sum(axis=-2))


def recall(matrix: Counts) -> Floats:
    """Share of the reference pixels of each class that are found, `(…, classes)`: producer's accuracy."""
    return quotient(true_positives(matrix), matrix.sum(axis=-1))


def overall_accuracy(matrix: Counts) -> Floats:
    """Share of correct pixels `(…)`."""
    return quotient(true_positives(matrix).sum(axis=-1), matrix.sum(axis=(-2, -1)))


def frequency_weighted_iou(matrix: Counts) -> Floats:
    """Mean IoU of the classes `(…)`, weighted by their share of the reference pixels."""
    support = matrix.sum(axis=-1)
    return quotient((support * np.nan_to_num(iou(matrix))).sum(axis=-1), support.sum(axis=-1))


def kappa(matrix: Counts) -> Floats:
    """Cohen's kappa `(…)`: agreement beyond chance (Cohen, 1960)."""
    total = matrix.sum(axis=(-2, -1)).astype(np.float64)
    by_chance = (matrix.sum(axis=-1) * matrix.sum(axis=-2, dtype=np.float64)).sum(axis=-1)
    return quotient(true_positives(matrix).sum(axis=-1) * total - by_chance, total**2 - by_chance)


def mean_of_defined(scores: Floats) -> Floats:
    """Mean over the last axis, ignoring NaN; NaN if all are."""
    defined = ~np.isnan(scores)
    return quotient(np.where(defined, scores, 0).sum(axis=-1), defined.sum(axis=-1))
