"""Merge the nodes of a skeleton where roads meet, and move each junction to the intersection of their axes."""

from dataclasses import replace

import numpy as np

from geoseg.compiled import compiled
from geoseg.roads.arrays import Flags, Floats, Ids, Points
from geoseg.roads.settings import (
    AXIS_FIT_M,
    BENT_HALF_WIDTHS,
    CROSS_LINK_DEG,
    CROSS_LINK_HALF_WIDTHS,
    CURVE_PX,
    DIRECTION_HALF_WIDTHS,
    DIRECTION_PX,
    MAX_SHIFT_HALF_WIDTHS,
    MAX_SHIFT_PX,
    NOTCH_HALF_WIDTHS,
    OLD_PLACE_WEIGHT,
)
from geoseg.roads.skeleton.grid_settings import GridSettings

from .chains import Chains
from .graph import Graph
from .walking import Flat, flatten, walk


def merge_junctions(graph: Graph, chains: Chains, grid: GridSettings) -> Graph:
    """Merge junctions within a few half-widths of each other, and drop short loops that result.

    Parallel roads, such as carriageways, stay apart where a short road links them.
    """
    settings, pixel_m = grid.settings, grid.pixel_m
    ends = graph.ends
    inner = (ends[:, 0] != ends[:, 1]) & (graph.at_ends(graph.degree, 0) > 2).all(axis=1)
    inner &= ~_find_cross_links(graph, chains, grid)
    edge = np.flatnonzero(inner)
    direct_m = np.hypot(*(graph.place[ends[edge, 0]] - graph.place[ends[edge, 1]]).T) * pixel_m
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


@compiled
def _merge(ends: Ids, apart_m: Floats, half_width_m: Floats, factor: float, least_m: float) -> Ids:
    """Return the node into which each node is merged; pairs are merged in order, within the largest span allowed."""
    nodes = half_width_m.size
    parent = np.arange(nodes)
    span_m = np.zeros(nodes)
    widest_m = half_width_m.copy()
    for k in range(len(ends)):
        one, other = ends[k, 0], ends[k, 1]
        while parent[one] != one:
            one = parent[one]
        while parent[other] != other:
            other = parent[other]
        if one == other:
            continue
        together_m = span_m[one] + span_m[other] + apart_m[k]
        if together_m <= factor * max(widest_m[one], widest_m[other]) + least_m:
            low, high = min(one, other), max(one, other)
            parent[high] = low
            span_m[low] = together_m
            widest_m[low] = max(widest_m[one], widest_m[other])
    for node in range(nodes):
        root = node
        while parent[root] != root:
            root = parent[root]
        parent[node] = root
    return parent


def centre_junctions(graph: Graph, chains: Chains, grid: GridSettings) -> Graph:
    """Move junctions to the intersection of their roads' axes, as a skeleton bends towards side roads."""
    flat, columns, pixel_m = flatten(graph, chains), grid.shape[1], grid.pixel_m
    furthest = MAX_SHIFT_HALF_WIDTHS * (graph.half_width_m / pixel_m) + MAX_SHIFT_PX
    bends = measure_bends(graph, chains, grid)
    fit = AXIS_FIT_M / pixel_m
    place = _intersect(flat, columns, graph.ends, graph.place, furthest, bends, fit, CURVE_PX, OLD_PLACE_WEIGHT)
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
    away = _directions(flatten(graph, chains), grid.shape[1], graph.ends, graph.degree, graph.place, reach)
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


@compiled
def _directions(  # noqa: PLR0917 - compiled: plain arguments
    flat: Flat, columns: int, ends: Ids, degree: Ids, place: Points, reach: Floats
) -> Floats:
    """Return the direction of each edge at its junctions `(edges, 2)`, in radians; NaN elsewhere."""
    result = np.full(ends.shape, np.nan)
    buffer = np.empty((256, 2))
    for edge in range(len(ends)):
        for side in range(2):
            node = ends[edge, side]
            if node < 0 or degree[node] < 3:
                continue
            found = walk(flat, columns, edge, side, buffer)
            at = 0
            for k in range(found):
                at = k
                if np.hypot(buffer[k, 0] - place[node, 0], buffer[k, 1] - place[node, 1]) > reach[node]:
                    break
            result[edge, side] = np.arctan2(buffer[at, 1] - place[node, 1], buffer[at, 0] - place[node, 0])
    return result


@compiled
def _fit_axis(points: Points, mean: Floats, curve: float) -> tuple[Floats, float]:
    """Return the axis of a road near a junction as its normal, and the normal's scalar product with its points.

    The axis is the least-squares line, or, if the road is curved, the tangent of a parabola at the nearest point.
    """
    xx, xy, yy = 0.0, 0.0, 0.0
    for k in range(len(points)):
        x, y = points[k, 0] - mean[0], points[k, 1] - mean[1]
        xx, xy, yy = xx + x * x, xy + x * y, yy + y * y
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    along = np.array([np.cos(angle), np.sin(angle)])
    normal = np.array([-along[1], along[0]])
    # The parabola is across = a + b · t + c · t²; across and t have zero mean and zero covariance.
    second, third, fourth, bend = 0.0, 0.0, 0.0, 0.0
    for k in range(len(points)):
        x, y = points[k, 0] - mean[0], points[k, 1] - mean[1]
        t = x * along[0] + y * along[1]
        second, third, fourth = second + t * t, third + t**3, fourth + t**4
        bend += t * t * (x * normal[0] + y * normal[1])
    spread = fourth - second * second / len(points) - third * third / max(second, 1e-9)
    c = bend / spread if spread > 1e-6 else 0.0
    nearest = (points[0, 0] - mean[0]) * along[0] + (points[0, 1] - mean[1]) * along[1]
    if abs(c) * nearest * nearest < curve:
        return normal, normal[0] * mean[0] + normal[1] * mean[1]
    b = -c * third / second
    rise = -c * second / len(points) + b * nearest + c * nearest * nearest
    slope = b + 2 * c * nearest
    place = mean + nearest * along + rise * normal
    tilted = (normal - slope * along) / np.sqrt(1 + slope * slope)
    return tilted, tilted[0] * place[0] + tilted[1] * place[1]


@compiled
def _intersect(  # noqa: PLR0917 - compiled: one loop, plain arguments
    flat: Flat,
    columns: int,
    ends: Ids,
    place: Points,
    furthest: Floats,
    bends: Floats,
    fit: float,
    curve: float,
    hold: float,
) -> Points:
    """Return the point closest to the axes of each node's roads, by least squares; all in pixels."""
    nodes = len(place)
    left = np.zeros((nodes, 2, 2))
    right = np.zeros((nodes, 2))
    weight = np.zeros(nodes)
    buffer = np.empty((512, 2))
    for edge in range(len(ends)):
        for side in range(2):
            node = ends[edge, side]
            if bends[edge, side] == 0:
                continue
            # The second half of an edge belongs to its other node.
            found = min((walk(flat, columns, edge, side, buffer) + 1) // 2, len(buffer) // 2)
            near = bends[edge, side] + 1
            count = 0
            mean = np.zeros(2)
            for k in range(found):
                reach = np.hypot(buffer[k, 0] - place[node, 0], buffer[k, 1] - place[node, 1])
                if reach > near + fit:
                    break
                if reach > near:
                    buffer[count] = buffer[k]
                    mean += buffer[k]
                    count += 1
            if count < 4:
                continue
            normal, offset = _fit_axis(buffer[:count], mean / count, curve)
            for i in range(2):
                right[node, i] += count * normal[i] * offset
                for j in range(2):
                    left[node, i, j] += count * normal[i] * normal[j]
            weight[node] += count
    result = place.copy()
    for node in range(nodes):
        if weight[node] == 0:
            continue
        # If all roads are parallel, the node keeps its position along them.
        held = hold * weight[node]
        a, b, d = left[node, 0, 0] + held, left[node, 0, 1], left[node, 1, 1] + held
        x, y = right[node, 0] + held * place[node, 0], right[node, 1] + held * place[node, 1]
        determinant = a * d - b * b
        col, row = (d * x - b * y) / determinant, (a * y - b * x) / determinant
        if np.hypot(col - place[node, 0], row - place[node, 1]) <= furthest[node]:
            result[node, 0], result[node, 1] = col, row
    return result
