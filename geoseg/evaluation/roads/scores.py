"""Measurements of two road networks, and the scores of one pair or many."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .apls import Apls
from .buffers import Nearness
from .junctions import Junctions
from .noding import LineGraph
from .topo import Topo


@dataclass(frozen=True, kw_only=True)
class NetworkSize:
    """Size of a network."""

    length_km: float
    """Geodesic."""
    components: int
    """Connected components."""
    junctions: int
    """Places where three or more roads meet."""
    dead_ends: int


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Measurements of one pair."""

    true: NetworkSize
    predicted: NetworkSize
    near: Nearness
    """Within the buffer."""
    relaxed: Nearness
    """Within the tolerance of the relaxed scores."""
    apls: Apls
    topo: Topo
    junctions: Junctions


@dataclass(frozen=True, kw_only=True)
class RoadScores:
    """Scores of one pair of networks, or of several together; NaN for 0 / 0."""

    apls_truth_to_predicted: float
    """Paths of the reference compared with the prediction; mean over pairs, as are the next three."""
    apls_predicted_to_truth: float
    apls_harmonic: float
    """Harmonic mean of both directions: SpaceNet's APLS."""
    apls_arithmetic: float
    topo_precision: float
    topo_recall: float
    topo_f1: float
    completeness: float
    """Share of the reference length within the buffer of the prediction."""
    correctness: float
    """Share of the predicted length within the buffer of the reference."""
    quality: float
    relaxed_precision: float
    relaxed_recall: float
    relaxed_f1: float
    junctions_found: int
    junctions_right_degree: int
    """Those found with the same number of roads as in the reference."""
    junctions_missed: int
    junctions_false: int
    length_error: float
    """Predicted over reference length, less 1."""
    true: NetworkSize
    predicted: NetworkSize


def network_size(graph: LineGraph, length_m: float) -> NetworkSize:
    """Measure a network."""
    nodes, degree = len(graph.place), graph.degree
    links = coo_array((np.ones(len(graph.ends)), graph.ends.T), shape=(nodes, nodes))
    return NetworkSize(
        length_km=length_m / 1000,
        components=int(connected_components(links, directed=False)[0]) if nodes else 0,
        junctions=int((degree > 2).sum()),
        dead_ends=int((degree == 1).sum()),
    )


def road_scores(measured: Sequence[Measured]) -> RoadScores:
    """Score pairs together: sums of lengths and counts, and the mean of APLS."""
    near = sum((each.near for each in measured), Nearness())
    relaxed = sum((each.relaxed for each in measured), Nearness())
    topo = sum((each.topo for each in measured), Topo())
    true, predicted = (_total([getattr(each, side) for each in measured]) for side in ("true", "predicted"))
    junctions = [each.junctions for each in measured]
    return RoadScores(
        apls_truth_to_predicted=float(np.mean([each.apls.truth_to_found for each in measured])),
        apls_predicted_to_truth=float(np.mean([each.apls.found_to_truth for each in measured])),
        apls_harmonic=float(np.mean([each.apls.harmonic for each in measured])),
        apls_arithmetic=float(np.mean([each.apls.arithmetic for each in measured])),
        topo_precision=topo.precision,
        topo_recall=topo.recall,
        topo_f1=topo.f1,
        completeness=near.recall,
        correctness=near.precision,
        quality=near.quality,
        relaxed_precision=relaxed.precision,
        relaxed_recall=relaxed.recall,
        relaxed_f1=relaxed.f1,
        junctions_found=sum(each.found for each in junctions),
        junctions_right_degree=sum(each.right_degree for each in junctions),
        junctions_missed=sum(each.missed for each in junctions),
        junctions_false=sum(each.false for each in junctions),
        length_error=predicted.length_km / true.length_km - 1 if true.length_km else np.nan,
        true=true,
        predicted=predicted,
    )


def _total(sizes: Sequence[NetworkSize]) -> NetworkSize:
    return NetworkSize(
        length_km=sum(each.length_km for each in sizes),
        components=sum(each.components for each in sizes),
        junctions=sum(each.junctions for each in sizes),
        dead_ends=sum(each.dead_ends for each in sizes),
    )
