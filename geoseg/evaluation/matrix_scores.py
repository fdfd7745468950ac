"""Scores of confusion matrices, in closed form.

A matrix is `(…, classes, classes)` with truth down the rows and prediction along the columns; leading axes are
matrices of their own. What is 0 / 0 is NaN: a class that neither truth nor prediction has is not scored.
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
    """Pixels of each class `(…, classes)` that were found."""
    return np.asarray(np.diagonal(matrix, axis1=-2, axis2=-1))


def false_positives(matrix: Counts) -> Counts:
    """Pixels `(…, classes)` that were taken for a class and are another."""
    return np.asarray(matrix.sum(axis=-2) - true_positives(matrix))


def false_negatives(matrix: Counts) -> Counts:
    """Pixels of a class `(…, classes)` that were taken for another."""
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
    """Share of the pixels taken for a class that are of it, `(…, classes)`; users' accuracy."""
    return quotient(true_positives(matrix), matrix.sum(axis=-2))


def recall(matrix: Counts) -> Floats:
    """Share of the pixels of a class that were found, `(…, classes)`; producers' accuracy."""
    return quotient(true_positives(matrix), matrix.sum(axis=-1))


def overall_accuracy(matrix: Counts) -> Floats:
    """Share of all pixels that are right, `(…)`."""
    return quotient(true_positives(matrix).sum(axis=-1), matrix.sum(axis=(-2, -1)))


def frequency_weighted_iou(matrix: Counts) -> Floats:
    """Mean of the classes' IoU `(…)`, each weighted with its share of the true pixels."""
    support = matrix.sum(axis=-1)
    return quotient((support * np.nan_to_num(iou(matrix))).sum(axis=-1), support.sum(axis=-1))


def kappa(matrix: Counts) -> Floats:
    """Cohen's kappa `(…)`: agreement beyond what the class shares alone would give (Cohen, 1960)."""
    total = matrix.sum(axis=(-2, -1)).astype(np.float64)
    by_chance = (matrix.sum(axis=-1) * matrix.sum(axis=-2, dtype=np.float64)).sum(axis=-1)
    return quotient(true_positives(matrix).sum(axis=-1) * total - by_chance, total**2 - by_chance)


def mean_of_defined(scores: Floats) -> Floats:
    """Mean over the last axis, of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(scores)
    return quotient(np.where(defined, scores, 0).sum(axis=-1), defined.sum(axis=-1))
