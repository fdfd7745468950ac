"""Points of an edge's line, compiled: through pixel centres, straightened near nodes, smoothed, dead ends extended."""

import numpy as np

from geoseg.compiled import compiled_as, compiled_within
from geoseg.roads.graph.walking import walk

from .arrays import Bytes, Flags, Floats, Ids, Points
from .ground_steps import on_ground

JUMP = 1.5
"""Pixels, more than a diagonal step: longer steps of an edge are divided."""


@compiled_as(
    "(int64[::1], int64[:,::1], uint8[::1], int64, int64, int64[:,::1], float64[:,::1], int64[::1], float64[:,::1])"
)
def find_corners(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids,
    parts: Ids,
    code: Bytes,
    columns: int,
    first: int,
    ends: Ids,
    place: Points,
    offsets: Ids,
    corners: Points,
) -> None:
    """Write the pixel centres of edges, between their nodes, or closed to a ring."""
    for k in range(offsets.size - 1):
        begin, last = offsets[k], offsets[k + 1] - 1
        tail, head = ends[first + k, 0], ends[first + k, 1]
        lead = 0 if tail < 0 else 1
        walk(start, parts, code, columns, first + k, 0, corners[begin + lead : last])
        for axis in range(2):
            if tail >= 0:
                corners[begin, axis], corners[last, axis] = place[tail, axis], place[head, axis]
            else:
                corners[last, axis] = corners[begin, axis]


@compiled_as(
    "(float64[:,::1], int64[::1], int64[::1], int64, int64[:,::1], boolean[:,::1], float64[:,::1], float64[:,::1],"
    " float64[::1], float64[::1], float64[:,::1], float64[::1], int64, float64, float64, float64, float64,"
    " float64[::1], float64[:,::1], int64[::1])"
)
def draw(  # noqa: PLR0912, PLR0915, PLR0917 - compiled: one loop, plain arguments
    corners: Points,
    offsets: Ids,
    steps: Ids,
    first: int,
    ends: Ids,
    dead: Flags,
    place: Points,
    metric: Points,
    half_width: Floats,
    tip_reach: Floats,
    bends: Floats,
    weights: Floats,
    heading: int,
    leaving: float,
    oblique: float,
    rows: float,
    columns: float,
    padded: Floats,
    points: Points,
    start: Ids,
) -> None:
    """Write the lines of edges, and their offsets to `start`; `padded` has room for a line and the weights.

    `metric` is the matrix from steps (columns, rows) to the unit of all distances, the side of a square pixel.
    """
    # Breadth of a column and of a row, square to their edges; the area of a pixel is 1.
    wide, high = 1 / np.hypot(metric[0, 1], metric[1, 1]), 1 / metric[0, 0]
    radius = weights.size // 2
    filled = 0
    for k in range(start.size - 1):
        edge, last = first + k, offsets[k + 1] - 1
        ring = ends[edge, 0] < 0
        begin = filled + 1  # leaves room to extend the start
        size = 1
        points[begin, 0], points[begin, 1] = corners[offsets[k], 0], corners[offsets[k], 1]
        for corner in range(offsets[k] + 1, last + 1):
            for step in range(1, steps[corner] + 1):
                share = step / steps[corner]
                for axis in range(2):
                    points[begin + size, axis] = (1 - share) * corners[corner - 1, axis] + share * corners[corner, axis]
                size += 1
        if size == 1:
            size = 2
            points[begin + 1, 0], points[begin + 1, 1] = points[begin, 0], points[begin, 1]
        for side in range(0 if ring else 2):
            tip, way = (begin, 1) if side == 0 else (begin + size - 1, -1)
            reach = bends[edge, side]
            if dead[edge, side]:
                far = tip + way * min(size - 1, heading)
                east, south = points[tip, 0] - points[far, 0], points[tip, 1] - points[far, 1]
                reach = tip_reach[edge] * _lost(metric, east, south)
            _straighten(
                points,
                metric,
                tip,
                way,
                size,
                place[ends[edge, side], 0],
                place[ends[edge, side], 1],
                corners[offsets[k] + 1 if side == 0 else last - 1, 0],
                corners[offsets[k] + 1 if side == 0 else last - 1, 1],
                reach,
                heading if dead[edge, side] else size,
            )
        # Smooth between fixed ends, about which the line is point-reflected; a ring wraps around.
        for axis in range(2):
            head, tail = points[begin, axis], points[begin + size - 1, axis]
            for j in range(size):
                padded[radius + j] = points[begin + j, axis]
            for j in range(1, radius + 1):
                # A line shorter than the kernel is reflected repeatedly.
                turns, rest = j // (size - 1), j % (size - 1)
                start_at, stop_at = points[begin + rest, axis], points[begin + size - 1 - rest, axis]
                if ring:
                    padded[radius - j] = points[begin + (size - 1 - j) % (size - 1), axis]
                    padded[radius + size - 1 + j] = start_at
                else:
                    before, after = head - start_at, tail - stop_at
                    if turns % 2:
                        before, after = stop_at - tail, start_at - head
                    padded[radius - j] = head + before - turns * (tail - head)
                    padded[radius + size - 1 + j] = tail + after + turns * (tail - head)
            for j in range(size):
                total = 0.0
                for i in range(weights.size):
                    total += weights[i] * padded[j + i]
                points[begin + j, axis] = total
            if not ring:
                points[begin, axis] = head
            points[begin + size - 1, axis] = points[begin, axis] if ring else tail
        for side in range(0 if ring else 2):
            if not dead[edge, side]:
                continue
            # Extend a dead end by the half-width lost in thinning, or to the edge of the scene if that is near.
            tip, way = (begin, 1) if side == 0 else (begin + size - 1, -1)
            far = tip + way * min(size - 1, heading)
            col, row = points[tip, 0], points[tip, 1]
            east, south = col - points[far, 0], row - points[far, 1]
            norm = _length(metric, east, south)
            if norm == 0:
                continue
            east, south = east / norm, south / norm
            to_border, beside = np.inf, np.inf
            for axis in range(2):
                part, at, most = (east, col, columns) if axis == 0 else (south, row, rows)
                beside = min(beside, min(at, most - at) * (wide if axis == 0 else high))
                if part != 0:
                    to_border = min(to_border, max(((most if part > 0 else 0.0) - at) / part, 0.0))
            stretch = half_width[ends[edge, side]] * _lost(metric, east, south)
            near = leaving * stretch + 1
            if beside <= near and to_border <= oblique * near:
                stretch = to_border
            points[tip - way, 0], points[tip - way, 1] = col + stretch * east, row + stretch * south
            size += 1
            if side == 0:
                begin -= 1
        for j in range(size):
            points[filled, 0] = min(max(points[begin + j, 0], 0.0), columns)
            points[filled, 1] = min(max(points[begin + j, 1], 0.0), rows)
            filled += 1
        start[k + 1] = filled


@compiled_within
def _length(metric: Points, east: float, south: float) -> float:
    """Return the length of a step of columns and rows."""
    across, down = on_ground(metric, east, south)
    return float(np.hypot(across, down))


@compiled_within
def _lost(metric: Points, east: float, south: float) -> float:
    """Return what thinning takes from the end of a road that leads this way, in half-widths at that end; at least 1.

    It takes as many pixels from the end as from either side, and pixels reach further along their longer side. Where
    they reach less far towards the end, the end is the nearest edge: its distance is the half-width measured there.
    """
    across, down = on_ground(metric, east, south)
    # How far a pixel reaches towards the end and towards a side, both times the length of the step.
    end = np.hypot(metric[0, 0] * across, metric[0, 1] * across + metric[1, 1] * down)
    beside = np.hypot(metric[0, 0] * down, metric[0, 1] * down - metric[1, 1] * across)
    return float(max(end / beside, 1.0)) if beside > 0 else 1.0


@compiled_within
def _straighten(  # noqa: PLR0917 - compiled: plain arguments
    points: Points,
    metric: Points,
    tip: int,
    way: int,
    size: int,
    node_x: float,
    node_y: float,
    fork_x: float,
    fork_y: float,
    reach: float,
    heading: int,
) -> None:
    """Straighten a line, in place, within reach of an end, where its skeleton bends towards a side road or a corner.

    If a node was moved along a road, away from the fork of the skeleton, that road's line passes it on the way to the
    fork. `tip` is the index of the end, `way` 1 or -1. A dead end continues the line from `heading` further on.
    """
    half = (size + 1) // 2
    moved = np.hypot(fork_x - node_x, fork_y - node_y)
    passing, least, length = 0, np.inf, 0.0
    for k in range(min(max(int(np.ceil(moved / JUMP)), 1), half), half):
        at = tip + way * k
        length += np.hypot(points[at, 0] - points[at - way, 0], points[at, 1] - points[at - way, 1])
        distance = np.hypot(points[at, 0] - node_x, points[at, 1] - node_y)
        if distance < least:
            passing, least = k, distance
        if length > 2 * moved:
            break
    stop = half - 1
    for k in range(passing, half):
        if _length(metric, points[tip + way * k, 0] - node_x, points[tip + way * k, 1] - node_y) > reach:
            stop = k
            break
    stop_x, stop_y = points[tip + way * stop, 0], points[tip + way * stop, 1]
    if stop + heading < size:
        far = tip + way * (stop + heading)
        east, south = stop_x - points[far, 0], stop_y - points[far, 1]
        ahead, down = on_ground(metric, east, south)
        square = ahead * ahead + down * down
        if square > 0:  # a line that folds back onto itself has no direction there
            away_x, away_y = on_ground(metric, node_x - stop_x, node_y - stop_y)
            along = max(away_x * ahead + away_y * down, 0.0) / square
            node_x, node_y = stop_x + along * east, stop_y + along * south
    for k in range(stop):
        share = k / stop
        points[tip + way * k, 0] = (1 - share) * node_x + share * stop_x
        points[tip + way * k, 1] = (1 - share) * node_y + share * stop_y
