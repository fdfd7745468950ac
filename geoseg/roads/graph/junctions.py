"""Merge the nodes of a skeleton where roads meet, and move each junction to the intersection of their axes."""

from dataclasses import replace

import numpy as np

from geoseg.compiled import compiled_as
from geoseg.roads.arrays import Bytes, Flags, Floats, Ids, Points
from geoseg.roads.settings import (
    BENT_HALF_WIDTHS,
    CROSS_LINK_DEG,
    CROSS_LINK_HALF_WIDTHS,
    DIRECTION_HALF_WIDTHS,
    DIRECTION_PX,
    MAX_SHIFT_HALF_WIDTHS,
    MAX_SHIFT_PX,
    NOTCH_HALF_WIDTHS,
)
from geoseg.roads.skeleton.grid_settings import GridSettings

from .axes import intersect_axes
from .chains import Chains
from .graph import Graph
from .walking import flatten, walk


def merge_junctions(graph: Graph, chains: Chains, grid: GridSettings) -> Graph:
    """Merge junctions within a few half-widths of each other, and drop short loops that result.

    Parallel roads, such as carriageways, stay apart where a short road links them.
    """
    settings, pixel_m = grid.settings, grid.pixel_m
    ends = graph.ends
    inner = (ends[:, 0] != ends[:, 1]) & (graph.at_ends(graph.degree, 0) > 2).all(axis=1)
    inner &= ~_find_cross_links(graph, chains, grid)
    edge = np.flatnonzero(inner)
    direct_m = np.hypot(*grid.to_metres(graph.place[ends[edge, 0]] - graph.place[ends[edge, 1]]).T)
    apart_m = np.minimum(graph.length_m[edge], direct_m)
    order = np.lexsort((edge, apart_m))
    label = _merge(ends[edge[order]], apart_m[order], graph.half_width_m, settings.merge_half_widths, 2 * pixel_m)
    members = np.bincount(label, minlength=label.size)
    place = np.column_stack([np.bincount(label, graph.place[:, axis], label.size) for axis in (0, 1)])
    half_width_m = np.zeros(label.size)
    np.maximum.at(half_width_m, label, graph.half_width_m)
    merged = replace(
        graph,
        place=place / np.maximum(members, 1)[:, None],
        half_width_m=half_width_m,
        ends=graph.at_ends(label, -1),
    )
    loop = (merged.ends[:, 0] == merged.ends[:, 1]) & (merged.ends[:, 0] >= 0)
    reach_m = settings.merge_half_widths * merged.at_ends(half_width_m, 0)[:, 0] + 2 * pixel_m
    return merged.keep(~loop | (merged.length_m >= np.maximum(reach_m, settings.min_loop_m)))


def _merge(ends: Ids, apart_m: Floats, half_width_m: Floats, factor: float, least_m: float) -> Ids:
    """Return the node into which each node is merged; pairs are merged in order, within the largest span allowed."""
    parent = np.arange(half_width_m.size)
    _join(ends, apart_m, factor, least_m, parent, np.zeros(parent.size), half_width_m.copy())
    return parent


@compiled_as("(int64[:,::1], float64[::1], float64, float64, int64[::1], float64[::1], float64[::1])")
def _join(  # noqa: PLR0917 - compiled: plain arguments
    ends: Ids, apart_m: Floats, factor: float, least_m: float, parent: Ids, span_m: Floats, widest_m: Floats
) -> None:
    for k in range(len(ends)):
        one, other = ends[k, 0], ends[k, 1]
        while parent[one] != one:
            one = parent[one]
        while parent[other] != other:
            other = parent[other]
        if one == other:
            continue
        together_m = span_m[one] + span_m[other] + apart_m[k]
        widest = max(widest_m[one], widest_m[other])
        if together_m <= factor * widest + least_m:
            low, high = (one, other) if one < other else (other, one)
            parent[high] = low
            span_m[low] = together_m
            widest_m[low] = widest
    for node in range(parent.size):
        root = node
        while parent[root] != root:
            root = parent[root]
        parent[node] = root


def centre_junctions(graph: Graph, chains: Chains, grid: GridSettings) -> Graph:
    """Move junctions to the intersection of their roads' axes, as a skeleton bends towards side roads."""
    furthest = MAX_SHIFT_HALF_WIDTHS * (graph.half_width_m / grid.pixel_m) + MAX_SHIFT_PX
    place = intersect_axes(graph, chains, grid, measure_bends(graph, chains, grid), furthest)
    return replace(graph, place=place)


def measure_bends(graph: Graph, chains: Chains, grid: GridSettings) -> Floats:
    """Return the length of skeleton that is bent at the junctions of each edge `(edges, 2)`, in pixels; 0 elsewhere.

    It ends at the notch between two roads: up to there they share one area and its middle.
    """
    half_width = graph.half_width_m / grid.pixel_m
    end, before, after = _measure_angles(graph, chains, grid)
    least = np.minimum(np.minimum(before, after), np.pi)
    notch = NOTCH_HALF_WIDTHS / np.maximum(np.sin(least / 2), 1e-6)
    result = np.zeros(graph.ends.size)
    result[end] = half_width[graph.ends.ravel()[end]] * np.clip(notch, *BENT_HALF_WIDTHS)
    return result.reshape(graph.ends.shape)


def _find_cross_links(graph: Graph, chains: Chains, grid: GridSettings) -> Flags:
    """Return which edges `(edges,)` link two parallel roads with ground between them."""
    end, before, after = _measure_angles(graph, chains, grid)
    square = np.zeros(graph.ends.size, np.bool_)
    least, most = np.radians(CROSS_LINK_DEG)
    square[end] = (np.minimum(before, after) > least) & (np.maximum(before, after) < most)
    widest_m = graph.at_ends(graph.half_width_m, 0).max(axis=1)
    apart = graph.length_m > CROSS_LINK_HALF_WIDTHS * widest_m + grid.pixel_m
    across: Flags = square.reshape(graph.ends.shape).all(axis=1) & apart
    return across


def _measure_angles(graph: Graph, chains: Chains, grid: GridSettings) -> tuple[Ids, Floats, Floats]:
    """Return the ends of edges at junctions, and the angles to the next road on either side.

    Ends are indices into `ends.ravel()`; angles are in radians, 2 π if there is no other road.
    """
    reach = DIRECTION_HALF_WIDTHS * (graph.half_width_m / grid.pixel_m) + DIRECTION_PX
    away = np.full(graph.ends.shape, np.nan)
    buffer = np.zeros((256, 2))
    flat = flatten(graph, chains)
    _measure_directions(*flat, grid.shape[1], graph.ends, graph.degree, graph.place, reach, buffer, away)
    end = np.flatnonzero(np.isfinite(away.ravel()))
    if not end.size:
        return end, np.zeros(0), np.zeros(0)
    node = graph.ends.ravel()[end]
    order = np.lexsort((away.ravel()[end], node))
    end, node = end[order], node[order]
    # Roads at a node are sorted by angle; the first follows the last.
    first = np.searchsorted(node, node)
    last = np.searchsorted(node, node, side="right") - 1
    index = np.arange(end.size)
    angle = away.ravel()[end]
    following = np.where(index == last, first, np.minimum(index + 1, end.size - 1))
    preceding = np.where(index == first, last, index - 1)
    turn = 2 * np.pi
    after, before = (angle[following] - angle) % turn, (angle - angle[preceding]) % turn
    alone = first == last
    return end, np.where(alone, turn, before), np.where(alone, turn, after)


@compiled_as(
    "(int64[::1], int64[:,::1], uint8[::1], int64, int64[:,::1], int64[::1], float64[:,::1], float64[::1],"
    " float64[:,::1], float64[:,::1])"
)
def _measure_directions(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids,
    parts: Ids,
    code: Bytes,
    columns: int,
    ends: Ids,
    degree: Ids,
    place: Points,
    reach: Floats,
    buffer: Points,
    result: Floats,
) -> None:
    """Write the direction of each edge at its junctions `(edges, 2)`, in radians."""
    for edge in range(len(ends)):
        for side in range(2):
            node = ends[edge, side]
            if node < 0 or degree[node] < 3:
                continue
            found = walk(start, parts, code, columns, edge, side, buffer)
            if found == 0:  # a straight line to the other node, across a gap
                other = ends[edge, 1 - side]
                buffer[0, 0], buffer[0, 1] = place[other, 0], place[other, 1]
            at = 0
            for k in range(found):
                at = k
                if np.hypot(buffer[k, 0] - place[node, 0], buffer[k, 1] - place[node, 1]) > reach[node]:
                    break
            result[edge, side] = np.arctan2(buffer[at, 1] - place[node, 1], buffer[at, 0] - place[node, 0])
