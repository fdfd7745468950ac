"""Average path length similarity (A. Van Etten et al., SpaceNet: A Remote Sensing Dataset and Challenge Series, 2018).

How far it is from place to place in one network is compared with how far it is in the other. Implementations differ in
where the places lie, and in how both directions are joined: here these are nodes and points every 50 m, and the means
are named.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from .lines import LineGraph, Points

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Apls:
    """Similarity, 0 to 1; places are taken from the one network and looked for in the other."""

    truth_to_found: float
    found_to_truth: float

    @property
    def harmonic(self) -> float:
        """Harmonic mean of both directions, as SpaceNet defines it."""
        one, other = self.truth_to_found, self.found_to_truth
        return 2 * one * other / (one + other) if one + other else 0.0

    @property
    def arithmetic(self) -> float:
        """Arithmetic mean of both directions."""
        return (self.truth_to_found + self.found_to_truth) / 2


def apls(truth: LineGraph, found: LineGraph, *, step_m: float = 50.0, snap_m: float = 4.0) -> Apls:
    """Compare path lengths in two networks.

    Parameters
    ----------
    truth, found
        Networks in the same plane.
    step_m
        Places are the nodes of a network, and points along its lines at most this far apart.
    snap_m
        Places are looked for this far away in the other network.
    """
    return Apls(
        truth_to_found=_one_way(truth, found, step_m, snap_m), found_to_truth=_one_way(found, truth, step_m, snap_m)
    )


def _one_way(source: LineGraph, target: LineGraph, step_m: float, snap_m: float) -> float:
    if not len(source.lines):
        return 1.0 if not len(target.lines) else 0.0
    places, edge, along_m = _places(source, step_m)
    lengths = _paths(source, edge, along_m)
    snapped = np.zeros(len(places), np.bool_)
    others = np.full(lengths.shape, np.inf)
    if len(target.lines):
        points = np.asarray(shapely.points(places))
        pairs = shapely.STRtree(target.lines).query_nearest(points, max_distance=snap_m, all_matches=False)
        snapped[pairs[0]] = True
        at_m = np.asarray(shapely.line_locate_point(target.lines[pairs[1]], points[pairs[0]]))
        others[np.ix_(pairs[0], pairs[0])] = _paths(target, pairs[1], at_m)
    one, other = np.triu_indices(len(places), 1)
    direct, there = lengths[one, other], others[one, other]
    counted = np.isfinite(direct) & (direct > 0)
    if not counted.any():
        return 1.0 if snapped.all() else 0.0
    direct, there = direct[counted], there[counted]
    lost = np.where(
        np.isfinite(there), np.minimum(np.abs(direct - np.where(np.isfinite(there), there, 0)) / direct, 1), 1
    )
    return float(1 - lost.mean())


def _places(graph: LineGraph, step_m: float) -> tuple[Points, Ids, npt.NDArray[np.float64]]:
    """Return places, the edges they lie on, and how far along these."""
    pieces = np.maximum(np.ceil(graph.length_m / step_m).astype(int), 1)
    inner = np.repeat(np.arange(len(pieces)), pieces - 1)
    share = np.concatenate([np.arange(1, count) / count for count in pieces]) if len(pieces) else np.zeros(0)
    inner_m = share * graph.length_m[inner]
    # Each node once: as the end of one of its edges.
    nodes, first = np.unique(graph.ends.ravel(), return_index=True)
    node_m = np.where(first % 2 == 0, 0.0, graph.length_m[first // 2])
    edge = np.concatenate([first // 2, inner])
    along_m = np.concatenate([node_m, inner_m])
    places = shapely.get_coordinates(shapely.line_interpolate_point(graph.lines[edge], along_m))
    places[: len(nodes)] = graph.place[nodes]
    return places, edge, along_m


def _paths(graph: LineGraph, edge: Ids, along_m: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the shortest paths `(places, places)` between places on edges; infinite where there is none."""
    nodes, count = len(graph.place), len(edge)
    order = np.lexsort((along_m, edge))
    tails, heads, weights = [], [], []
    plain = np.ones(len(graph.lines), np.bool_)
    plain[edge] = False
    tails.append(graph.ends[plain, 0])
    heads.append(graph.ends[plain, 1])
    weights.append(graph.length_m[plain])
    first = np.flatnonzero(np.r_[True, np.diff(edge[order]) != 0]) if count else np.zeros(0, int)
    for run in np.split(order, first[1:]) if count else ():
        on = edge[run[0]]
        stops = np.concatenate([[graph.ends[on, 0]], nodes + run, [graph.ends[on, 1]]])
        tails.append(stops[:-1])
        heads.append(stops[1:])
        weights.append(np.diff(np.concatenate([[0.0], along_m[run], [graph.length_m[on]]])))
    tail, head, weight = np.concatenate(tails), np.concatenate(heads), np.concatenate(weights)
    # Of several edges between two places the shortest counts; a sparse matrix would add them up. Zero would be no edge.
    low, high, weight = np.minimum(tail, head), np.maximum(tail, head), np.maximum(weight, 1e-9)
    best = np.lexsort((weight, high, low))
    low, high, weight = low[best], high[best], weight[best]
    fresh = np.r_[True, (np.diff(low) != 0) | (np.diff(high) != 0)] & (low != high)
    matrix = coo_array((weight[fresh], (low[fresh], high[fresh])), shape=(nodes + count, nodes + count)).tocsr()
    paths: npt.NDArray[np.float64] = dijkstra(matrix, directed=False, indices=np.arange(nodes, nodes + count))
    return paths[:, nodes:]
