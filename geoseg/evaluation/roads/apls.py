"""Average path length similarity (A. Van Etten et al., SpaceNet: A Remote Sensing Dataset and Challenge Series, 2018).

Path lengths between places are compared in two networks. Implementations differ in the places, here nodes and points
every 50 m, and in the mean of both directions, here given by name.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .noding import Ids, LineGraph
from .routing import Stops, snapped, spaced_stops, ways

STEP_M = 50.0
SNAP_M = 4.0
SOURCES = 1000
"""At most this many places are starts of paths; all are ends."""


@dataclass(frozen=True, kw_only=True)
class Apls:
    """Similarity, 0 to 1, of places of one network snapped to the other."""

    truth_to_found: float
    found_to_truth: float

    @property
    def harmonic(self) -> float:
        """Harmonic mean of both directions: APLS of the SpaceNet challenges and CosmiQ's `apls`."""
        one, other = self.truth_to_found, self.found_to_truth
        return 2 * one * other / (one + other) if one + other else 0.0

    @property
    def arithmetic(self) -> float:
        """Arithmetic mean of both directions."""
        return (self.truth_to_found + self.found_to_truth) / 2


def apls(
    reference: LineGraph,
    found: LineGraph,
    *,
    step_m: float = STEP_M,
    snap_m: float = SNAP_M,
    sources: int = SOURCES,
    seed: int = 0,
) -> Apls:
    """Compare path lengths in two networks: 1 for two empty networks, 0 if one is empty.

    Parameters
    ----------
    reference, found
        Networks in the same plane.
    step_m
        Greatest distance between places along a line.
    snap_m
        Distance within which places are snapped to the other network.
    sources
        Paths start from this many places of a network, drawn at random, or from all if there are fewer.
    seed
        Seed of the draw.
    """
    return Apls(
        truth_to_found=_one_way(reference, found, step_m=step_m, snap_m=snap_m, sources=sources, seed=seed),
        found_to_truth=_one_way(found, reference, step_m=step_m, snap_m=snap_m, sources=sources, seed=seed),
    )


def _one_way(source: LineGraph, target: LineGraph, *, step_m: float, snap_m: float, sources: int, seed: int) -> float:
    if not len(source.lines) or not len(target.lines):
        return float(len(source.lines) == len(target.lines))
    stops = spaced_stops(source, step_m)
    starts = np.arange(len(stops.edge))
    if len(starts) > sources:
        starts = np.sort(np.random.default_rng(seed).choice(starts, sources, replace=False))
    which, fallen = snapped(target, stops.place, snap_m)
    there = np.full(len(stops.edge), -1)
    there[which] = np.arange(len(which))
    lost, count = 0.0, 0
    for part, way in ways(source, stops, starts):
        counted = np.isfinite(way) & (way > 0)
        direct, around = way[counted], _elsewhere(target, fallen, there, starts[part])[counted]
        lost += float(np.minimum(np.abs(around - direct) / direct, 1).sum())  # without a path, 1
        count += len(direct)
    if not count:  # rings too short for two places
        return float(len(which) == len(stops.edge))
    return 1 - lost / count


def _elsewhere(target: LineGraph, fallen: Stops, there: Ids, starts: Ids) -> npt.NDArray[np.float64]:
    """Return path lengths `(starts, stops)` in the other network; infinite from or to a place that was not found."""
    lengths = np.full((len(starts), len(there)), np.inf)
    rows = np.flatnonzero(there[starts] >= 0)
    columns = np.flatnonzero(there >= 0)
    for part, way in ways(target, fallen, there[starts[rows]]):
        lengths[np.ix_(rows[part], columns)] = way[:, there[columns]]
    return lengths
