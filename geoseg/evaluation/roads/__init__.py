"""Compare road networks with the truth, and make networks whose truth is known."""

from .evaluate import RoadComparison, RoadCriteria, RoadEvaluation, evaluate_roads
from .report import write_road_evaluation
from .scores import NetworkSize, RoadScores

__all__ = [
    "NetworkSize",
    "RoadComparison",
    "RoadCriteria",
    "RoadEvaluation",
    "RoadScores",
    "evaluate_roads",
    "write_road_evaluation",
]
