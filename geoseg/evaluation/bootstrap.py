"""Scores of a whole evaluation with bootstrap intervals over images (Efron, 1979)."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from . import matrix_scores
from .counts import Comparison
from .matrix_scores import Counts, Floats
from .relaxed import score_near

_SHARE = 0.95
"""Share of the resamples within an interval."""
_BATCH = 64
"""Resamples scored together."""


def score_counts(matrix: Counts, relaxed: Counts, boundary: Counts, scored: Collection[int]) -> dict[str, Floats]:
    """Score counts `(…, classes, classes)` and `(…, 4, classes)`: overall `(…)`, and by class `(…, classes)`.

    Means are over the `scored` classes present in reference or prediction.
    """
    classes = sorted(scored)
    iou, f1 = matrix_scores.iou(matrix), matrix_scores.f1(matrix)
    boundary_f1 = score_near(boundary)[2]
    return {
        "overall_accuracy": matrix_scores.overall_accuracy(matrix),
        "mean_iou": matrix_scores.mean_of_defined(iou[..., classes]),
        "mean_f1": matrix_scores.mean_of_defined(f1[..., classes]),
        "frequency_weighted_iou": matrix_scores.frequency_weighted_iou(matrix),
        "kappa": matrix_scores.kappa(matrix),
        "boundary_f1": matrix_scores.mean_of_defined(boundary_f1[..., classes]),
        "class_iou": iou,
        "class_f1": f1,
        "class_boundary_f1": boundary_f1,
        "class_relaxed_f1": score_near(relaxed)[2],
    }


def bootstrap_intervals(
    comparisons: Sequence[Comparison], scored: Collection[int], *, resamples: int, seed: int
) -> Mapping[str, Floats]:
    """Percentile intervals `(2, …)` of each of `score_counts`, over images drawn with replacement.

    Undefined scores of resamples are left out; NaN if all are undefined.
    """
    random = np.random.default_rng(seed)
    stacks = [
        np.stack([getattr(each, name) if name else each.confusion.matrix for each in comparisons])
        for name in ("", "relaxed", "boundary")
    ]
    parts = []
    for first in range(0, resamples, _BATCH):
        number = min(_BATCH, resamples - first)
        drawn = random.integers(len(comparisons), size=(number, len(comparisons)))
        times = np.stack([np.bincount(each, minlength=len(comparisons)) for each in drawn])
        matrix, relaxed, boundary = (np.tensordot(times, stack, axes=1) for stack in stacks)
        parts.append(score_counts(matrix, relaxed, boundary, scored))
    return {name: _percentiles(np.concatenate([part[name] for part in parts])) for name in parts[0]}


def _percentiles(values: Floats) -> Floats:
    """Ends of the central `_SHARE` of `(resamples, …)`, ignoring NaN."""
    defined = ~np.isnan(values).all(axis=0)
    ends = np.full((2, *values.shape[1:]), np.nan)
    ends[:, defined] = np.nanquantile(values[:, defined], [(1 - _SHARE) / 2, (1 + _SHARE) / 2], axis=0)
    return ends
