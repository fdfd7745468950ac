"""Weights that keep a loss from being about the commonest classes alone."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float64]
Counts = npt.NDArray[np.integer] | npt.NDArray[np.floating]


def median_frequency(pixels: Counts) -> Weights:
    """Median of the classes' pixel counts over each class's own (Eigen and Fergus, 2015, arXiv:1411.4734).

    Parameters
    ----------
    pixels
        Count of each class, `(classes,)`. A class without pixels weighs nothing.
    """
    counts = np.asarray(pixels, np.float64)
    shown = counts > 0
    return np.divide(np.median(counts[shown]) if shown.any() else 0.0, counts, out=np.zeros_like(counts), where=shown)


def effective_number(pixels: Counts, *, sample: int, beta: float = 0.9999) -> Weights:
    """`(1 - beta) / (1 - beta**n)` for n samples of a class, with a mean of 1 (Cui et al., 2019, arXiv:1901.05555).

    Neighbouring pixels repeat each other: a sample is a window's worth of pixels; a class may have a fraction of one.

    Parameters
    ----------
    pixels
        Count of each class, `(classes,)`. A class without pixels weighs nothing.
    sample
        Pixels of a sample.
    beta
        How fast more samples cease to tell anything new.
    """
    samples = np.asarray(pixels, np.float64) / sample
    shown = samples > 0
    weights = np.divide(1 - beta, -np.expm1(samples * np.log(beta)), out=np.zeros_like(samples), where=shown)
    mean = weights[shown].mean() if shown.any() else 1.0
    return np.asarray(weights / mean)


def label_weights(allowed: Sequence[Sequence[int]], weights: Weights, pixels: Counts) -> list[float]:
    """Weight of each label value: the mean of the weights of its classes, each counted by its pixels.

    Parameters
    ----------
    allowed
        For each label value, in order, the class ids it allows.
    weights
        Weight of each class, `(classes,)`.
    pixels
        Count of each class, `(classes,)`; where none of a label's classes has any, they count alike.
    """
    counts = [np.asarray(pixels, np.float64)[list(ids)] for ids in allowed]
    return [
        float(np.average(weights[list(ids)], weights=count if count.any() else None))
        for ids, count in zip(allowed, counts, strict=True)
    ]
