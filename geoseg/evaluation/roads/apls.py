"""Average path length similarity (A. Van Etten et al., SpaceNet: A Remote Sensing Dataset and Challenge Series, 2018).

Path lengths between places are compared in two networks. Implementations differ in the places, here nodes and points
every 50 m, and in the mean of both directions: both means are reported.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .noding import Ids, LineGraph
from .routing import Stops, path_lengths, snap, spaced_stops

STEP_M = 50.0
SNAP_M = 4.0
SOURCES = 1000
"""Maximum number of places where paths start; they end at all places."""


@dataclass(frozen=True, kw_only=True)
class Apls:
    """Similarity, 0 to 1, of places of one network snapped to the other."""

    reference_to_found: float
    found_to_reference: float

    @property
    def harmonic(self) -> float:
        """Harmonic mean of both directions, as in the SpaceNet challenges and CosmiQ's `apls`."""
        one, other = self.reference_to_found, self.found_to_reference
        return 2 * one * other / (one + other) if one + other else 0.0

    @property
    def arithmetic(self) -> float:
        """Arithmetic mean of both directions."""
        return (self.reference_to_found + self.found_to_reference) / 2


def apls(
    reference: LineGraph,
    found: LineGraph,
    *,
    step_m: float = STEP_M,
    snap_m: float = SNAP_M,
    sources: int = SOURCES,
    seed: int = 0,
) -> Apls:
    """Compare path lengths in two networks in the same plane: 1 for two empty networks, 0 if one is empty.

    Places are at most `step_m` apart along a line, and snapped to the other network within `snap_m`. Paths start from
    `sources` of them, drawn at random with `seed`, or from all if there are fewer.
    """
    return Apls(
        reference_to_found=_one_way(reference, found, step_m=step_m, snap_m=snap_m, sources=sources, seed=seed),
        found_to_reference=_one_way(found, reference, step_m=step_m, snap_m=snap_m, sources=sources, seed=seed),
    )


def _one_way(source: LineGraph, target: LineGraph, *, step_m: float, snap_m: float, sources: int, seed: int) -> float:
    if not len(source.lines) or not len(target.lines):
        return float(len(source.lines) == len(target.lines))
    stops = spaced_stops(source, step_m)
    starts = np.arange(len(stops.edge))
    if len(starts) > sources:
        starts = np.sort(np.random.default_rng(seed).choice(starts, sources, replace=False))
    which, snapped = snap(target, stops.place, snap_m)
    index = np.full(len(stops.edge), -1)
    index[which] = np.arange(len(which))
    lost, count = 0.0, 0
    for part, lengths in path_lengths(source, stops, starts):
        counted = np.isfinite(lengths) & (lengths > 0)
        here, there = lengths[counted], _target_lengths(target, snapped, index, starts[part])[counted]
        lost += float(np.minimum(np.abs(there - here) / here, 1).sum())  # without a path, 1
        count += len(here)
    if not count:  # rings too short for two places
        return float(len(which) == len(stops.edge))
    return 1 - lost / count


def _target_lengths(target: LineGraph, snapped: Stops, index: Ids, starts: Ids) -> npt.NDArray[np.float64]:
    """Return path lengths `(starts, stops)` in the target network; infinite for places that were not snapped.

    `index` `(stops,)` numbers the snapped places; -1 for the others.
    """
    lengths = np.full((len(starts), len(index)), np.inf)
    rows = np.flatnonzero(index[starts] >= 0)
    columns = np.flatnonzero(index >= 0)
    for part, found in path_lengths(target, snapped, index[starts[rows]]):
        lengths[np.ix_(rows[part], columns)] = found[:, index[columns]]
    return lengths
