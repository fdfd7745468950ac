"""Compare road networks with the truth: files or folders of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geoseg.errors import UsageError
from geoseg.evaluation.document import plain
from geoseg.evaluation.pairing import RoadPair, pair_roads

from .apls import SNAP_M, apls
from .buffers import Lines, Nearness, parts_beyond
from .difference_map import Differences, differences
from .junctions import REACH_M, match_junctions
from .local_plane import Plane, plane_around
from .noding import LineGraph, road_graph
from .read import Roads, read_roads
from .scores import Measured, RoadScores, network_size, road_scores
from .topo import topo


@dataclass(frozen=True, kw_only=True)
class RoadCriteria:
    """Choices for one evaluation of roads."""

    buffer_m: float = 3.0
    """Distance within which a line counts for completeness, correctness and quality."""
    relax_m: float = 3.0
    """Distance that relaxed scores forgive."""
    snap_m: float = SNAP_M
    """How far from a network APLS looks for a place on it."""
    junction_m: float = REACH_M
    """How far apart a junction of the truth and one of the prediction may be."""
    seed: int = 0
    """Of the places that are drawn where a network has too many for APLS or TOPO."""

    def __post_init__(self) -> None:
        for name in ("buffer_m", "relax_m", "snap_m", "junction_m"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name} is a distance in metres above zero, got {value}.")


@dataclass(frozen=True, kw_only=True)
class RoadComparison:
    """One pair of networks."""

    name: str
    prediction: str
    truth: str
    scores: RoadScores
    differences: Differences
    """What was missed and what is false, in the truth's CRS."""
    notes: tuple[str, ...]
    """What a reader must know about this comparison."""


@dataclass(frozen=True, kw_only=True)
class RoadEvaluation:
    """How well predicted networks agree with the truth, together and each."""

    criteria: RoadCriteria
    scores: RoadScores
    pairs: tuple[RoadComparison, ...]
    notes: tuple[str, ...]
    """What a reader must know about this evaluation."""

    def to_json(self) -> dict[str, Any]:
        """Plain values; None for what is not defined."""
        pairs = [
            {"name": pair.name, "prediction": pair.prediction, "truth": pair.truth, **plain(pair.scores)}
            | {"notes": list(pair.notes)}
            for pair in self.pairs
        ]
        return {**plain(self.scores), "criteria": plain(self.criteria), "pairs": pairs, "notes": list(self.notes)}


def evaluate_roads(
    predicted: str | Path,
    truth: str | Path,
    *,
    progress: Callable[[int, int, str], None] = lambda done, count, name: None,
    **choices: Any,  # noqa: ANN401
) -> RoadEvaluation:
    """Compare predicted road networks with true ones.

    Parameters
    ----------
    predicted, truth
        Vector files with lines, in any CRS, or folders whose files are matched by name.
    progress
        Called with the number of pairs done, their number, and the name of the next.
    **choices
        The fields of `RoadCriteria`.

    Raises
    ------
    UsageError
        If the files or the choices do not go together.
    SceneError
        If a file cannot be read, holds no lines, or is not placed on the Earth.
    """
    criteria = RoadCriteria(**choices)
    pairs, left = pair_roads(Path(predicted), Path(truth))
    compared, measured = [], []
    for number, pair in enumerate(pairs):
        progress(number, len(pairs), pair.name)
        found, comparison = _compare(pair, criteria)
        measured.append(found)
        compared.append(comparison)
    return RoadEvaluation(criteria=criteria, scores=road_scores(measured), pairs=tuple(compared), notes=tuple(left))


def _compare(pair: RoadPair, criteria: RoadCriteria) -> tuple[Measured, RoadComparison]:
    true, predicted = read_roads(pair.truth), read_roads(pair.predicted)
    middle = true if len(true.lines) else predicted
    plane = plane_around(middle.lines, middle.crs)
    truth, found = _graph(plane, true, pair.truth), _graph(plane, predicted, pair.predicted)
    missed, false = _beyond(truth, found, criteria.buffer_m)
    junctions = match_junctions(truth, found, reach_m=criteria.junction_m)
    relaxed = (missed, false) if criteria.relax_m == criteria.buffer_m else _beyond(truth, found, criteria.relax_m)
    near = _nearness(plane, truth, found, missed, false)
    measured = Measured(
        true=network_size(truth, near.true_m),
        predicted=network_size(found, near.found_m),
        near=near,
        relaxed=_nearness(plane, truth, found, *relaxed),
        apls=apls(truth, found, snap_m=criteria.snap_m, seed=criteria.seed),
        topo=topo(truth, found, seed=criteria.seed),
        junctions=junctions,
    )
    comparison = RoadComparison(
        name=pair.name,
        prediction=str(pair.predicted),
        truth=str(pair.truth),
        scores=road_scores([measured]),
        differences=differences(plane, true.crs, missed, false, junctions),
        notes=(*true.notes, *predicted.notes, *_warnings(truth, found, pair)),
    )
    return measured, comparison


def _graph(plane: Plane, roads: Roads, path: Path) -> LineGraph:
    return road_graph(plane.put(roads.lines, roads.crs, str(path)))


def _beyond(truth: LineGraph, found: LineGraph, distance_m: float) -> tuple[Lines, Lines]:
    return parts_beyond(truth.lines, found.lines, distance_m), parts_beyond(found.lines, truth.lines, distance_m)


def _nearness(plane: Plane, truth: LineGraph, found: LineGraph, missed: Lines, false: Lines) -> Nearness:
    true_m, found_m, missed_m, false_m = (
        float(plane.lengths(lines).sum()) for lines in (truth.lines, found.lines, missed, false)
    )
    return Nearness(
        true_m=true_m,
        true_near_m=max(true_m - missed_m, 0.0),
        found_m=found_m,
        found_near_m=max(found_m - false_m, 0.0),
    )


def _warnings(truth: LineGraph, found: LineGraph, pair: RoadPair) -> tuple[str, ...]:
    """What looks like a misunderstanding between the files."""
    empty = [path.name for graph, path in ((truth, pair.truth), (found, pair.predicted)) if not len(graph.lines)]
    if empty:
        return (f"{' and '.join(empty)} without any road.",)
    one, other = (shapely.total_bounds(graph.lines) for graph in (truth, found))
    if np.any(one[:2] > other[2:]) or np.any(other[:2] > one[2:]):
        return ("the two networks lie in different places; is the CRS of each the right one?",)
    return ()
