"""Class weights that keep frequent classes from dominating a loss."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float64]
Counts = npt.NDArray[np.integer] | npt.NDArray[np.floating]


def median_frequency(pixels: Counts) -> Weights:
    """Divide the median pixel count by each class's count `(classes,)`; a class without pixels has weight 0.

    Eigen and Fergus, 2015 (arXiv:1411.4734).
    """
    counts = np.asarray(pixels, np.float64)
    shown = counts > 0
    return np.divide(np.median(counts[shown]) if shown.any() else 0.0, counts, out=np.zeros_like(counts), where=shown)


def effective_number(pixels: Counts, *, sample: int, beta: float = 0.9999) -> Weights:
    """Return `(1 - beta) / (1 - beta**n)` for n samples of each class, scaled to mean 1; 0 without pixels.

    Cui et al., 2019 (arXiv:1901.05555). Neighbouring pixels are redundant, so `sample` pixels count as one sample; n
    may be a fraction. `pixels` are counts `(classes,)`.
    """
    samples = np.asarray(pixels, np.float64) / sample
    shown = samples > 0
    weights = np.divide(1 - beta, -np.expm1(samples * np.log(beta)), out=np.zeros_like(samples), where=shown)
    mean = weights[shown].mean() if shown.any() else 1.0
    return np.asarray(weights / mean)


def label_weights(allowed: Sequence[Sequence[int]], weights: Weights, pixels: Counts) -> list[float]:
    """Return the weight of each label value: the mean weight of its `allowed` classes, weighted by their pixels.

    `weights` and `pixels` are `(classes,)`. If none of a label's classes has pixels, they count equally.
    """
    counts = [np.asarray(pixels, np.float64)[list(ids)] for ids in allowed]
    return [
        float(np.average(weights[list(ids)], weights=count if count.any() else None))
        for ids, count in zip(allowed, counts, strict=True)
    ]
