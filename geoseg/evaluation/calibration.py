"""Expected calibration error of probabilities (C. Guo et al., 2017)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.models.legend import LEVELS

from .matrix_scores import Counts, quotient

BINS = 15
"""Bins of equal width, as in the paper."""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Pixels of similar confidence."""

    pixels: int
    confidence: float
    """Mean probability of the predicted class; NaN for an empty bin."""
    accuracy: float
    """Share of correct pixels; NaN for an empty bin."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Confidence against accuracy."""

    error: float
    """Expected calibration error: mean over pixels of the difference between confidence and accuracy of their bin."""
    bins: tuple[Bin, ...]
    """In ascending order of confidence."""


def count_calibration(levels: npt.NDArray[np.uint8], correct: npt.NDArray[np.bool_]) -> Counts:
    """Count all pixels and correct ones by confidence, `(2, LEVELS + 1)`.

    `levels` `(pixels,)` are probabilities of the predicted class in `LEVELS`; `correct` is a mask of the same shape.
    """
    return np.stack([np.bincount(values, minlength=LEVELS + 1) for values in (levels, levels[correct])])


def measure_calibration(counts: Counts) -> Calibration:
    """Score the counts `(2, LEVELS + 1)` of `count_calibration`."""
    levels = np.arange(LEVELS + 1)
    number = np.minimum(levels * BINS // LEVELS, BINS - 1)
    pixels, correct = (np.bincount(number, weights=values, minlength=BINS) for values in counts)
    confidence = quotient(np.bincount(number, weights=counts[0] * levels / LEVELS, minlength=BINS), pixels)
    accuracy = quotient(correct, pixels)
    gaps = np.nan_to_num(np.abs(accuracy - confidence))
    return Calibration(
        error=float(quotient((pixels * gaps).sum(), pixels.sum())),
        bins=tuple(
            Bin(pixels=int(count), confidence=float(mean), accuracy=float(share))
            for count, mean, share in zip(pixels, confidence, accuracy, strict=True)
        ),
    )
