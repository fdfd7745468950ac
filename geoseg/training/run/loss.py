"""Build the loss of a recipe."""

from collections.abc import Callable
from functools import cache

import keras
import numpy as np
import numpy.typing as npt

from geoseg.models.losses.class_weights import effective_number, label_weights, median_frequency
from geoseg.models.losses.pixels import MarginalCrossEntropy, WeightedSum
from geoseg.models.losses.regions import Lovasz, Tversky
from geoseg.training.recipe.label_sets import LabelSets
from geoseg.training.recipe.learning import ClassWeights, Loss, LossTerm

Counts = npt.NDArray[np.float64]
CountPixels = Callable[[], Counts]
"""Count training pixels by class `(classes,)`."""


def build_loss(choice: Loss, labels: LabelSets, count_pixels: CountPixels, *, sample: int) -> keras.losses.Loss:
    """Build the weighted sum of a recipe's losses for training windows of `sample` pixels.

    Pixels are counted only if weights depend on them, since it may take a while.
    """
    count_once = cache(count_pixels)
    terms = []
    for term in choice.terms:
        rule = choice.class_weights if term.class_weights is None else term.class_weights
        weights, counts = _find_class_weights(rule, labels, count_once, sample)
        terms.append((term.weight, _build_term(term, choice, labels, weights, counts)))
    return WeightedSum(terms)


def _find_class_weights(
    rule: ClassWeights, labels: LabelSets, count_pixels: CountPixels, sample: int
) -> tuple[npt.NDArray[np.float64], Counts]:
    """Find weight and pixels of each class; pixels are zero if weights do not depend on them."""
    names = labels.legend.names
    uncounted = np.zeros(len(names))
    match rule:
        case "none":
            return np.ones(len(names)), uncounted
        case "median-frequency":
            counts = count_pixels()
            return median_frequency(counts), counts
        case "effective-number":
            counts = count_pixels()
            return effective_number(counts, sample=sample), counts
    return np.array([rule.get(name, 1.0) for name in names]), uncounted


def _build_term(
    term: LossTerm, choice: Loss, labels: LabelSets, weights: npt.NDArray[np.float64], counts: Counts
) -> keras.losses.Loss:
    allowed, classes = labels.allowed, len(labels.legend)
    match term.name:
        case "cross_entropy" | "focal":
            return MarginalCrossEntropy(
                allowed,
                classes=classes,
                weights=label_weights(allowed, weights, counts),
                gamma=term.gamma if term.name == "focal" else 0.0,
                boundary_weight=choice.boundary_weight,
            )
        case "lovasz":
            return Lovasz(allowed, classes=classes, weights=list(weights))
    alpha, beta = {"dice": (0.5, 0.5), "jaccard": (1.0, 1.0), "tversky": (term.alpha, 1 - term.alpha)}[term.name]
    return Tversky(allowed, classes=classes, weights=list(weights), alpha=alpha, beta=beta)
