"""Shortest paths between places on the lines of a network."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

from .buffers import cut_lines
from .noding import Ids, LineGraph, Points

BATCH = 2**23
"""Path lengths held at a time: 64 MiB."""
_NO_LENGTH_M = 1e-9
"""Length between two stops in one place: zero would mean no path in a sparse matrix."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stops:
    """Places on the lines of a network."""

    edge: Ids
    """Line of each stop `(stops,)`."""
    along_m: npt.NDArray[np.float64]
    """Distance from the start of its line `(stops,)`."""
    place: Points
    """x and y `(stops, 2)`."""


def spaced_stops(graph: LineGraph, step_m: float) -> Stops:
    """Place stops at all nodes, and between them at equal distances of at most `step_m`.

    Lines shorter than that have one in the middle if they reach three quarters of it, as in SpaceNet.
    """
    length_m = graph.length_m
    pieces = np.maximum(np.ceil(length_m / step_m).astype(np.int64), np.where(length_m >= 0.75 * step_m, 2, 1))
    inner = np.repeat(np.arange(len(pieces)), pieces - 1)
    number = np.arange(len(inner)) - np.repeat(np.cumsum(pieces - 1) - (pieces - 1), pieces - 1) + 1
    # Each node once, as the end of one of its lines.
    _, first = np.unique(graph.ends.ravel(), return_index=True)
    edge = np.concatenate([first // 2, inner])
    along_m = np.concatenate(
        [np.where(first % 2 == 0, 0.0, length_m[first // 2]), number / pieces[inner] * length_m[inner]]
    )
    return Stops(edge=edge, along_m=along_m, place=_interpolate(graph, edge, along_m))


def snap(graph: LineGraph, place: Points, reach_m: float) -> tuple[Ids, Stops]:
    """Snap places `(places, 2)` to a network; return the indices of those within reach, and their stops."""
    points = np.asarray(shapely.points(place))
    pieces, owner = cut_lines(graph.lines)
    which, piece = shapely.STRtree(pieces).query_nearest(points, max_distance=reach_m, all_matches=False)
    reached = np.concatenate([[0], np.cumsum(shapely.length(pieces))])
    start_m = (reached[:-1] - reached[np.searchsorted(owner, owner)])[piece]
    along_m = start_m + np.asarray(shapely.line_locate_point(pieces[piece], points[which]))
    nearest = shapely.get_coordinates(shapely.line_interpolate_point(pieces[piece], along_m - start_m))
    return which, Stops(edge=owner[piece], along_m=along_m, place=nearest)


def even_stops(graph: LineGraph, step_m: float) -> Stops:
    """Place stops along all lines, about a step apart and half a step from the ends.

    The remainder of a line's length carries over to the next line, so that short lines have few stops.
    """
    ends = np.rint(np.cumsum(graph.length_m) / step_m).astype(np.int64)
    counts: Ids = np.diff(ends, prepend=0)
    edge = np.repeat(np.arange(len(counts)), counts)
    share = (np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + 0.5) / counts[edge]
    along_m: npt.NDArray[np.float64] = share * graph.length_m[edge]
    return Stops(edge=edge, along_m=along_m, place=_interpolate(graph, edge, along_m))


def _interpolate(graph: LineGraph, edge: Ids, along_m: npt.NDArray[np.float64]) -> Points:
    """Return the places `(stops, 2)` at distances from the starts of lines, in time linear in their vertices."""
    points, owner = shapely.get_coordinates(graph.lines, return_index=True)
    step_m = np.hypot(*np.diff(points, axis=0).T)
    step_m[owner[1:] != owner[:-1]] = 0
    reached = np.concatenate([[0], np.cumsum(step_m)])
    first, last = (np.searchsorted(owner, edge, side) for side in ("left", "right"))
    at = reached[first] + along_m
    vertex = np.clip(np.searchsorted(reached, at, "right") - 1, first, last - 2)
    share = np.clip((at - reached[vertex]) / np.maximum(step_m[vertex], _NO_LENGTH_M), 0, 1)
    places: Points = points[vertex] + share[:, None] * (points[vertex + 1] - points[vertex])
    return places


def path_lengths(
    graph: LineGraph, stops: Stops, sources: Ids, *, limit_m: float = np.inf, batch: int = BATCH
) -> Iterator[tuple[slice, npt.NDArray[np.float64]]]:
    """Yield the lengths of the shortest paths from some stops to all, about `batch` lengths at a time.

    Each part of the sources is yielded as a slice, with metres `(sources, stops)`: infinite without a path, or for one
    longer than `limit_m`.
    """
    nodes = len(graph.place)
    matrix = _piece_lengths(graph, stops)
    at_once = max(batch // max(matrix.shape[0], 1), 1)
    for first in range(0, len(sources), at_once):
        part = slice(first, min(first + at_once, len(sources)))
        yield part, dijkstra(matrix, directed=False, indices=nodes + sources[part], limit=limit_m)[:, nodes:]


def _piece_lengths(graph: LineGraph, stops: Stops) -> csr_array:
    """Return lengths `(nodes + stops, nodes + stops)` of the line pieces between nodes and stops."""
    edges, nodes, count = len(graph.lines), len(graph.place), len(stops.edge)
    # Along each line; at the same place, the line's start comes first and its end last.
    vertex = np.concatenate([graph.ends[:, 0], nodes + np.arange(count), graph.ends[:, 1]])
    on = np.concatenate([np.arange(edges), stops.edge, np.arange(edges)])
    length_m = graph.length_m
    along_m = np.concatenate([np.zeros(edges), np.minimum(stops.along_m, length_m[stops.edge]), length_m])
    order = np.lexsort((np.repeat([0, 1, 2], [edges, count, edges]), along_m, on))
    vertex, on, along_m = vertex[order], on[order], along_m[order]
    same = on[1:] == on[:-1]
    ends = np.sort(np.column_stack([vertex[:-1], vertex[1:]])[same], axis=1)
    weight = np.maximum(np.diff(along_m)[same], _NO_LENGTH_M)
    # Keep the shortest of several lines between two places; a sparse matrix would add them up.
    best = np.lexsort((weight, ends[:, 1], ends[:, 0]))
    ends, weight = ends[best], weight[best]
    fresh = np.r_[True, (np.diff(ends, axis=0) != 0).any(axis=1)] & (ends[:, 0] != ends[:, 1])
    return coo_array((weight[fresh], (ends[fresh, 0], ends[fresh, 1])), shape=(nodes + count,) * 2).tocsr()
