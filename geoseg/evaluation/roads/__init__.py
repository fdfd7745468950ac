"""Compare road networks with reference networks: APLS, TOPO, buffers and junctions."""

from .evaluate import evaluate_roads
from .result import RoadComparison, RoadCriteria, RoadEvaluation
from .scores import NetworkSize, RoadScores

__all__ = ["NetworkSize", "RoadComparison", "RoadCriteria", "RoadEvaluation", "RoadScores", "evaluate_roads"]
