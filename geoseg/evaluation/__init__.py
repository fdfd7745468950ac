"""Compare class rasters with the truth: counts, scores and their uncertainty, streamed in strips."""

from .comparison import Comparison, Rules
from .confusion import ClassScores, Confusion, Scores
from .criteria import Criteria
from .evaluation import Evaluation
from .predicting import evaluate_model
from .rasters import evaluate

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
