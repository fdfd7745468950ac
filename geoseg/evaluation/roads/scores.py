"""Measurements of two road networks, and the scores of one pair or many."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

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
class Measurements:
    """Measurements of one pair."""

    true: NetworkSize
    predicted: NetworkSize
    near: Nearness
    """Within the buffer."""
    relaxed: Nearness
    """Within the offset that relaxed scores tolerate."""
    apls: Apls
    topo: Topo
    junctions: Junctions


@dataclass(frozen=True, kw_only=True)
class RoadScores:
    """Scores of one pair of networks, or of several together; NaN for 0 / 0."""

    apls_reference_to_predicted: float
    """Paths of the reference compared with the prediction; mean over pairs, as are the next three."""
    apls_predicted_to_reference: float
    apls_harmonic: float
    """SpaceNet's APLS."""
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
    """Found with the same number of roads as in the reference."""
    junctions_missed: int
    junctions_false: int
    length_error: float
    """Predicted over reference length, less 1."""
    true: NetworkSize
    predicted: NetworkSize


def measure_network(graph: LineGraph, length_m: float) -> NetworkSize:
    """Measure a network of geodesic length `length_m`."""
    nodes, degree = len(graph.place), graph.degree
    links = coo_array((np.ones(len(graph.ends)), graph.ends.T), shape=(nodes, nodes))
    return NetworkSize(
        length_km=length_m / 1000,
        components=int(connected_components(links, directed=False)[0]) if nodes else 0,
        junctions=int((degree > 2).sum()),
        dead_ends=int((degree == 1).sum()),
    )


def score_roads(measured: Sequence[Measurements]) -> RoadScores:
    """Score pairs together: lengths and counts are summed, APLS is averaged."""
    near = _sum([each.near for each in measured])
    relaxed = _sum([each.relaxed for each in measured])
    topo = _sum([each.topo for each in measured])
    true, predicted = _sum([each.true for each in measured]), _sum([each.predicted for each in measured])
    junctions = [each.junctions for each in measured]
    return RoadScores(
        apls_reference_to_predicted=float(np.mean([each.apls.reference_to_found for each in measured])),
        apls_predicted_to_reference=float(np.mean([each.apls.found_to_reference for each in measured])),
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


_Summed = TypeVar("_Summed", Nearness, NetworkSize, Topo)


def _sum(parts: Sequence[_Summed]) -> _Summed:
    """Add lengths or counts field by field."""
    names = [field.name for field in fields(parts[0])]
    return type(parts[0])(**{name: sum(getattr(part, name) for part in parts) for name in names})
