"""TOPO: compare the surroundings of places (J. Biagioni and J. Eriksson, Inferring Road Maps from GPS Traces, 2012).

From a place on the reference, holes are dug every 5 m along all paths of up to 300 m; from the same place in the found
network, marbles are laid the same way. A marble falls into a hole within 15 m, and a hole takes one marble. Roads that
cannot be reached from the place count as missing, which makes TOPO sensitive to gaps.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial import cKDTree

from .noding import Ids, LineGraph, Points
from .routing import Stops, even_stops, path_lengths, snap, spaced_stops

RADIUS_M = 300.0
STEP_M = 5.0
HOLE_M = 15.0
SEEDS = 200
"""Maximum number of places."""
_BETWEEN_SEEDS_M = 50.0


@dataclass(frozen=True, kw_only=True)
class Topo:
    """Holes and marbles of all places."""

    holes: int = 0
    marbles: int = 0
    matched: int = 0

    @property
    def precision(self) -> float:
        """Share of marbles that fell into a hole; NaN without marbles."""
        return self.matched / self.marbles if self.marbles else np.nan

    @property
    def recall(self) -> float:
        """Share of holes with a marble; NaN without holes."""
        return self.matched / self.holes if self.holes else np.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of both; NaN without holes and marbles."""
        both = self.holes + self.marbles
        return 2 * self.matched / both if both else np.nan


def topo(reference: LineGraph, found: LineGraph, *, seeds: int = SEEDS, seed: int = 0) -> Topo:
    """Count holes, marbles, and marbles in holes, in two networks in the same plane.

    Paths start from `seeds` places of the reference, drawn at random with `seed` from nodes and points every 50 m.
    """
    if not len(reference.lines):
        return Topo()
    starts = spaced_stops(reference, _BETWEEN_SEEDS_M).place
    if len(starts) > seeds:
        starts = starts[np.sort(np.random.default_rng(seed).choice(len(starts), seeds, replace=False))]
    holes, marbles = _reached(reference, starts), _reached(found, starts)
    return Topo(
        holes=sum(map(len, holes)),
        marbles=sum(map(len, marbles)),
        matched=sum(_count_matches(dug, laid) for dug, laid in zip(holes, marbles, strict=True)),
    )


def _reached(graph: LineGraph, starts: Points) -> list[Points]:
    """Return, for each of `starts` `(starts, 2)`, the points `(points, 2)` every step along all paths from it."""
    found: list[Points] = [np.zeros((0, 2))] * len(starts)
    if not len(graph.lines):
        return found
    which, snapped = snap(graph, starts, HOLE_M)
    even = even_stops(graph, STEP_M)
    stops = Stops(
        edge=np.concatenate([snapped.edge, even.edge]),
        along_m=np.concatenate([snapped.along_m, even.along_m]),
        place=np.concatenate([snapped.place, even.place]),
    )
    for part, lengths in path_lengths(graph, stops, np.arange(len(which)), limit_m=RADIUS_M):
        for start, to_stops in zip(which[part].tolist(), lengths[:, len(which) :], strict=True):
            found[start] = even.place[np.isfinite(to_stops)]
    return found


def _count_matches(holes: Points, marbles: Points) -> int:
    """Count the marbles that fall into holes of their own: as many as possible."""
    if not len(holes) or not len(marbles):
        return 0
    near = cKDTree(holes).query_ball_point(marbles, HOLE_M)
    counts = np.array([len(each) for each in near])
    columns: Ids = np.concatenate([np.asarray(each, np.int64) for each in near])
    pairs = csr_array(
        (np.ones(len(columns), np.bool_), columns, np.concatenate([[0], np.cumsum(counts)])),
        shape=(len(marbles), len(holes)),
    )
    return int((maximum_bipartite_matching(pairs) >= 0).sum())
