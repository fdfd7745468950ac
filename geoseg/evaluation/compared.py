"""One image of an evaluation, counted and not yet scored."""

from dataclasses import dataclass

from .comparison import Comparison
from .meaning import Meaning


@dataclass(frozen=True, kw_only=True)
class ComparedImage:
    """What was counted of one image, and where."""

    name: str
    prediction: str
    model: str | None
    """Name and version of the model that made the prediction; None if it does not say."""
    truth: str
    meaning: Meaning
    """The same for all images of an evaluation."""
    comparison: Comparison
    met_in_prediction: frozenset[int]
    """Of the values that were expected in the prediction, those that it has."""
    met_in_truth: frozenset[int]
    """Of the values that were expected in the truth, those that it has."""
    notes: tuple[str, ...]
