"""Scores of a class, of an image and of a whole evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .document import to_plain
from .relaxed import Sweep

Interval = tuple[float, float]
"""Ends of a 95 % confidence interval."""


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Scores of one class; NaN where they are 0 / 0."""

    id: int
    name: str
    true_positives: int
    false_positives: int
    false_negatives: int
    support: int
    """Reference pixels of the class."""
    iou: float
    f1: float
    precision: float
    recall: float


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of a confusion matrix; NaN where they are 0 / 0."""

    classes: tuple[ClassScores, ...]
    """Sorted by id."""
    pixels: int
    """Pixels compared."""
    unpredicted: int
    """Reference pixels without a prediction, which are not scored."""
    unclassified: int
    """Reference pixels that the prediction left unknown, which are not scored."""
    overall_accuracy: float
    mean_iou: float
    """Over the classes present in reference or prediction, as is `mean_f1`."""
    mean_f1: float
    frequency_weighted_iou: float
    kappa: float
    """Cohen's kappa."""

    @property
    def coverage(self) -> float:
        """Share of the pixels compared among these and the unclassified ones."""
        return self.pixels / max(self.pixels + self.unclassified, 1)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; None for NaN."""
        document: dict[str, Any] = to_plain(self)
        return document


@dataclass(frozen=True, kw_only=True)
class NearScores:
    """Scores that tolerate an offset; NaN where they are 0 / 0."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class ClassEvaluation:
    """All scores of one class."""

    scores: ClassScores
    boundary: NearScores
    relaxed: NearScores
    sweep: Sweep | None
    """Relaxed precision and recall by threshold; None without probabilities."""
    intervals: Mapping[str, Interval]
    """By score: `iou`, `f1`, `boundary_f1`, `relaxed_f1`; empty without bootstrap."""


@dataclass(frozen=True, kw_only=True)
class ImageEvaluation:
    """Scores of one image."""

    name: str
    prediction: str
    reference: str
    """Path of the reference raster."""
    scores: Scores
    boundary_f1: float
    """Mean over classes."""
    relaxed_f1: Mapping[str, float]
    """By class name."""
    notes: tuple[str, ...]
