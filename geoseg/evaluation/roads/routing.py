"""Shortest ways between places on the lines of a network."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

from .lines import Ids, LineGraph
from .stops import Stops

_AT_ONCE = 2**23
"""Lengths of ways that are held at a time: 64 MiB."""
_NO_LENGTH_M = 1e-9
"""Between two stops in one place: a sparse matrix takes zero for no way."""


def ways(
    graph: LineGraph, stops: Stops, sources: Ids, *, limit_m: float = np.inf
) -> Iterator[tuple[slice, npt.NDArray[np.float64]]]:
    """Yield the lengths of the shortest ways from some stops to all, a few sources at a time.

    Parameters
    ----------
    graph, stops
        A network and places on it.
    sources
        Which stops to start from.
    limit_m
        How far to go.

    Yields
    ------
    slice, array
        Which of the sources; metres `(these, stops)`, infinite where there is no way.
    """
    nodes = len(graph.place)
    matrix = _network(graph, stops)
    at_once = max(_AT_ONCE // max(matrix.shape[0], 1), 1)
    for first in range(0, len(sources), at_once):
        part = slice(first, min(first + at_once, len(sources)))
        yield part, dijkstra(matrix, directed=False, indices=nodes + sources[part], limit=limit_m)[:, nodes:]


def _network(graph: LineGraph, stops: Stops) -> csr_array:
    """Return lengths `(nodes + stops, nodes + stops)` of the pieces of lines between nodes and stops."""
    edges, nodes, count = len(graph.lines), len(graph.place), len(stops.edge)
    # All of a line in its order; of what lies in one place, the line's start comes first and its end last.
    vertex = np.concatenate([graph.ends[:, 0], nodes + np.arange(count), graph.ends[:, 1]])
    on = np.concatenate([np.arange(edges), stops.edge, np.arange(edges)])
    length_m = graph.length_m
    along_m = np.concatenate([np.zeros(edges), np.minimum(stops.along_m, length_m[stops.edge]), length_m])
    order = np.lexsort((np.repeat([0, 1, 2], [edges, count, edges]), along_m, on))
    vertex, on, along_m = vertex[order], on[order], along_m[order]
    same = on[1:] == on[:-1]
    ends = np.sort(np.column_stack([vertex[:-1], vertex[1:]])[same], axis=1)
    weight = np.maximum(np.diff(along_m)[same], _NO_LENGTH_M)
    # Of several lines between two places the shortest counts; a sparse matrix would add them up.
    best = np.lexsort((weight, ends[:, 1], ends[:, 0]))
    ends, weight = ends[best], weight[best]
    fresh = np.r_[True, (np.diff(ends, axis=0) != 0).any(axis=1)] & (ends[:, 0] != ends[:, 1])
    return coo_array((weight[fresh], (ends[fresh, 0], ends[fresh, 1])), shape=(nodes + count,) * 2).tocsr()
