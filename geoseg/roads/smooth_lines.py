"""Draw edges as lines through pixel centres: straighten them near nodes, smooth them, extend dead ends."""

from collections.abc import Iterator

import numpy as np
import shapely

from geoseg.compiled import compiled
from geoseg.roads.graph.chains import Chains
from geoseg.roads.graph.graph import Graph
from geoseg.roads.graph.junctions import measure_bends
from geoseg.roads.graph.walking import Flat, flatten, walk
from geoseg.roads.skeleton.grid_settings import GridSettings

from .arrays import Flags, Floats, Ids, Points
from .settings import (
    LEAVING_HALF_WIDTHS,
    LEAVING_OBLIQUE,
    SIMPLIFY_PX,
    SMOOTH_PX,
    TIP_HALF_WIDTHS,
    TIP_HEADING_M,
    TIP_HEADING_PX,
)

_BATCH = 4096  # edges drawn at a time
_JUMP = 1.5  # pixels, more than a diagonal step: longer steps of an edge are divided


def draw_lines(graph: Graph, chains: Chains, width_m: Floats, grid: GridSettings) -> Iterator[tuple[Points, Ids]]:
    """Yield the lines of a few thousand edges at a time: column and row of the vertices, and offset of each line.

    Edges that share a node end in the same point; a ring ends where it starts; no line leaves the grid.
    """
    shape, pixel_m, settings = grid.shape, grid.pixel_m, grid.settings
    flat = flatten(graph, chains)
    sigma = max(settings.smooth_m / pixel_m, SMOOTH_PX)
    offsets = np.arange(-np.ceil(3 * sigma), np.ceil(3 * sigma) + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    dead = graph.at_ends(graph.degree, 0) == 1
    half_width = np.maximum(graph.half_width_m / pixel_m, 0.5)
    # A dead end of a skeleton leads to a corner; the road's width is measured further back.
    body = np.maximum(graph.at_ends(half_width, 0).max(axis=1), np.nan_to_num(width_m) / 2 / pixel_m)
    bends = measure_bends(graph, chains, grid)
    for first in range(0, len(graph.ends), _BATCH):
        edges = np.arange(first, min(first + _BATCH, len(graph.ends)))
        points, start = _draw(
            flat,
            edges,
            graph.ends,
            dead,
            graph.place,
            half_width,
            TIP_HALF_WIDTHS * body,
            bends,
            weights,
            max(TIP_HEADING_M / pixel_m, TIP_HEADING_PX),
            (LEAVING_HALF_WIDTHS, LEAVING_OBLIQUE),
            shape,
        )
        lines = np.asarray(shapely.linestrings(points, indices=np.repeat(np.arange(edges.size), np.diff(start))))
        tolerance = max(settings.simplify_m / pixel_m, SIMPLIFY_PX)
        simple = np.asarray(shapely.simplify(lines, tolerance, preserve_topology=False))
        # A narrow loop would collapse to its node.
        flat_loop = shapely.is_closed(lines) & (shapely.get_num_coordinates(simple) < 4)
        simple = np.where(flat_loop | (shapely.length(simple) == 0), lines, simple)
        vertices, owner = shapely.get_coordinates(simple, return_index=True)
        yield vertices, np.searchsorted(owner, np.arange(edges.size + 1))


@compiled
def _draw(  # noqa: PLR0917 - compiled: plain arguments
    flat: Flat,
    edges: Ids,
    ends: Ids,
    dead: Flags,
    place: Points,
    half_width: Floats,
    tip_reach: Floats,
    bends: Floats,
    weights: Floats,
    heading: float,
    leaving: tuple[float, float],
    shape: tuple[int, int],
) -> tuple[Points, Ids]:
    start, first, last = flat[0], flat[1], flat[2]
    counts = np.zeros(edges.size + 1, np.int64)
    result = np.empty((1024, 2))
    filled = 0
    for k in range(edges.size):
        edge = edges[k]
        pixels = 0
        for part in range(start[edge], start[edge + 1]):
            pixels += abs(last[part] - first[part]) + 1
        raw = np.empty((pixels, 2))
        walk(flat, shape[1], edge, 0, raw)
        ring = ends[edge, 0] < 0
        line = _connect(raw, place, ends[edge])
        if not ring:
            for side in range(2):
                way = line if side == 0 else line[::-1]
                node = ends[edge, side]
                reach = tip_reach[edge] if dead[edge, side] else bends[edge, side]
                fork = raw[0] if side == 0 else raw[-1]
                _straighten(way, place[node], fork, reach, dead[edge, side], heading)
        line = _smooth(line, weights, ring)
        if not ring:
            for side in range(2):
                if dead[edge, side]:
                    line = _extend(line, side, half_width[ends[edge, side]], heading, leaving, shape)
        while filled + len(line) > len(result):
            larger = np.empty((2 * len(result), 2))
            larger[:filled] = result[:filled]
            result = larger
        result[filled : filled + len(line)] = line
        for at in range(filled, filled + len(line)):
            result[at, 0] = min(max(result[at, 0], 0.0), shape[1])
            result[at, 1] = min(max(result[at, 1], 0.0), shape[0])
        filled += len(line)
        counts[k + 1] = filled
    return result[:filled], counts


@compiled
def _connect(raw: Points, place: Points, ends: Ids) -> Points:
    """Add nodes at the ends of an edge's pixel centres, and points about a pixel apart along longer steps."""
    ring = ends[0] < 0
    size = len(raw) + (1 if ring else 2)
    corners = np.empty((size, 2))
    if ring:
        corners[:-1] = raw
        corners[-1] = raw[0]
    else:
        corners[0], corners[-1] = place[ends[0]], place[ends[1]]
        corners[1:-1] = raw
    count = 1
    for k in range(1, size):
        jump = np.hypot(corners[k, 0] - corners[k - 1, 0], corners[k, 1] - corners[k - 1, 1])
        count += max(int(np.ceil(jump / _JUMP)), 1)
    line = np.empty((count, 2))
    line[0] = corners[0]
    filled = 1
    for k in range(1, size):
        jump = np.hypot(corners[k, 0] - corners[k - 1, 0], corners[k, 1] - corners[k - 1, 1])
        if jump == 0:
            continue
        steps = max(int(np.ceil(jump / _JUMP)), 1)
        for step in range(1, steps + 1):
            share = step / steps
            line[filled] = (1 - share) * corners[k - 1] + share * corners[k]
            filled += 1
    line[filled - 1] = corners[-1]
    if filled == 1:
        return np.concatenate((line[:1], line[:1]))
    return line[:filled]


@compiled
def _straighten(  # noqa: PLR0917 - compiled: plain arguments
    way: Points, node: Points, fork: Points, reach: float, dead: bool, heading: float
) -> None:
    """Straighten a line, in place, within reach of an end, where its skeleton bends towards a side road or a corner.

    If a node was moved along a road, away from the fork of the skeleton, that road's line passes it on the way to the
    fork.
    """
    half = (len(way) + 1) // 2
    moved = np.hypot(fork[0] - node[0], fork[1] - node[1])
    passing, least, length = 0, np.inf, 0.0
    for k in range(min(max(int(np.ceil(moved / _JUMP)), 1), half), half):
        length += np.hypot(way[k, 0] - way[k - 1, 0], way[k, 1] - way[k - 1, 1])
        distance = np.hypot(way[k, 0] - node[0], way[k, 1] - node[1])
        if distance < least:
            passing, least = k, distance
        if length > 2 * moved:
            break
    stop = half - 1
    for k in range(passing, half):
        if np.hypot(way[k, 0] - node[0], way[k, 1] - node[1]) > reach:
            stop = k
            break
    far = stop + int(heading)
    col, row = node[0], node[1]
    if dead and far < len(way):
        east, south = way[stop, 0] - way[far, 0], way[stop, 1] - way[far, 1]
        along = (col - way[stop, 0]) * east + (row - way[stop, 1]) * south
        along = max(along, 0.0) / (east * east + south * south)
        col, row = way[stop, 0] + along * east, way[stop, 1] + along * south
    for k in range(stop):
        share = k / stop
        way[k, 0] = (1 - share) * col + share * way[stop, 0]
        way[k, 1] = (1 - share) * row + share * way[stop, 1]


@compiled
def _smooth(line: Points, weights: Floats, ring: bool) -> Points:
    """Smooth a line between fixed ends, about which it is point-reflected; a ring wraps around."""
    size, radius = len(line), weights.size // 2
    padded = np.empty((size + 2 * radius, 2))
    padded[radius : radius + size] = line
    for k in range(1, radius + 1):
        if ring:
            padded[radius - k] = line[(size - 1 - k) % (size - 1)]
            padded[radius + size - 1 + k] = line[k % (size - 1)]
        else:
            # A line shorter than the kernel is reflected repeatedly.
            turns, rest = k // (size - 1), k % (size - 1)
            span = line[size - 1] - line[0]
            before = line[0] - line[rest] if turns % 2 == 0 else line[size - 1 - rest] - line[size - 1]
            after = line[size - 1] - line[size - 1 - rest] if turns % 2 == 0 else line[rest] - line[0]
            padded[radius - k] = line[0] + before - turns * span
            padded[radius + size - 1 + k] = line[size - 1] + after + turns * span
    result = np.empty((size, 2))
    for k in range(size):
        col, row = 0.0, 0.0
        for j in range(weights.size):
            col += weights[j] * padded[k + j, 0]
            row += weights[j] * padded[k + j, 1]
        result[k, 0], result[k, 1] = col, row
    if ring:
        result[size - 1] = result[0]
    else:
        result[0], result[size - 1] = line[0], line[size - 1]
    return result


@compiled
def _extend(  # noqa: PLR0917 - compiled: plain arguments
    line: Points, side: int, half_width: float, heading: float, leaving: tuple[float, float], shape: tuple[int, int]
) -> Points:
    """Extend a dead end by the half-width lost in thinning, or to the edge of the scene if that is near."""
    way = line if side == 0 else line[::-1]
    far = min(len(way) - 1, int(heading))
    east, south = way[0, 0] - way[far, 0], way[0, 1] - way[far, 1]
    norm = np.hypot(east, south)
    if norm == 0:
        return line
    east, south = east / norm, south / norm
    to_border, beside = np.inf, np.inf
    for axis in range(2):
        step, at, size = (east, way[0, 0], shape[1]) if axis == 0 else (south, way[0, 1], shape[0])
        beside = min(beside, at, size - at)
        if step != 0:
            to_border = min(to_border, max(((size if step > 0 else 0) - at) / step, 0.0))
    near = leaving[0] * half_width + 1
    stretch = to_border if beside <= near and to_border <= leaving[1] * near else half_width
    result = np.empty((len(line) + 1, 2))
    tip = 0 if side == 0 else len(line)
    result[tip, 0], result[tip, 1] = way[0, 0] + stretch * east, way[0, 1] + stretch * south
    if side == 0:
        result[1:] = line
    else:
        result[:-1] = line
    return result
