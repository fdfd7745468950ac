"""Compare class rasters with reference data: counts, scores and their uncertainty, streamed in strips."""

from .confusion import Confusion
from .counts import Comparison, Rules
from .criteria import Criteria
from .evaluate import evaluate
from .evaluate_model import evaluate_model
from .result import Evaluation
from .scores import ClassScores, Scores

__all__ = [
    "ClassScores",
    "Comparison",
    "Confusion",
    "Criteria",
    "Evaluation",
    "Rules",
    "Scores",
    "evaluate",
    "evaluate_model",
]
