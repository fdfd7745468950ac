"""Where lines lie against the truth, and whether junctions and dead ends are those of the truth."""

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import cKDTree

from geoseg.evaluation.roads.noding import LineGraph
from geoseg.evaluation.roads.routing import even_stops

_STEP_M = 1.0


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """How a network agrees with the truth."""

    completeness: float
    """Share of the true length that lies within the buffer of a found line."""
    correctness: float
    """Share of the found length that lies within the buffer of a true line."""
    offset_mean_m: float
    offset_p95_m: float
    """Distance of found lines, within the buffer, from the truth."""
    length_error: float
    """Found length over true length, less 1."""
    junctions: float
    """Share of the true junctions that are found once, with their degree."""
    spurs_per_km: float
    """Dead ends of the network that are none of the truth, per true kilometre."""


def accuracy(truth: LineGraph, found: LineGraph, *, buffer_m: float = 3.0, junction_m: float = 8.0) -> Accuracy:
    """Compare two networks that are not empty.

    Parameters
    ----------
    truth, found
        Networks in the same plane.
    buffer_m
        How far a line may lie from the other network and still count.
    junction_m
        How far junctions and dead ends may.
    """
    offsets = _distances(found, truth)
    near = offsets[offsets <= buffer_m]
    true_km = float(truth.length_m.sum()) / 1000
    return Accuracy(
        completeness=float((_distances(truth, found) <= buffer_m).mean()),
        correctness=float((offsets <= buffer_m).mean()),
        offset_mean_m=float(near.mean()),
        offset_p95_m=float(np.quantile(near, 0.95)),
        length_error=float(found.length_m.sum()) / 1000 / true_km - 1,
        junctions=_junctions(truth, found, junction_m),
        spurs_per_km=_spurs(truth, found, junction_m) / true_km,
    )


def _distances(source: LineGraph, target: LineGraph) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    points = shapely.points(even_stops(source, _STEP_M).place)
    _, distance = shapely.STRtree(target.lines).query_nearest(points, return_distance=True, all_matches=False)
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = distance
    return found


def _junctions(truth: LineGraph, found: LineGraph, reach_m: float) -> float:
    wanted, have = truth.degree > 2, found.degree > 2
    if not wanted.any():
        return 1.0
    near = cKDTree(found.place[have]).query_ball_point(truth.place[wanted], reach_m) if have.any() else []
    degrees = found.degree[have]
    right = [
        len(index) == 1 and degrees[index[0]] == degree
        for index, degree in zip(near, truth.degree[wanted].tolist(), strict=False)
    ]
    return float(np.mean(right)) if right else 0.0


def _spurs(truth: LineGraph, found: LineGraph, reach_m: float) -> int:
    ends, true_ends = found.place[found.degree == 1], truth.place[truth.degree == 1]
    if not len(ends):
        return 0
    if not len(true_ends):
        return len(ends)
    distance, _ = cKDTree(true_ends).query(ends)
    return int((distance > reach_m).sum())
