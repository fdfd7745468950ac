"""Ends of an edge's line, compiled: straightened near nodes, dead ends extended."""

import numpy as np

from geoseg.compiled import compiled_within

from .arrays import Points
from .ground_steps import on_ground

JUMP = 1.5
"""Pixels, more than a diagonal step: longer steps of an edge are divided."""


@compiled_within
def straighten(  # noqa: PLR0917 - compiled: plain arguments
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
    loop: bool,
) -> None:
    """Straighten a line, in place, within reach of an end, where its skeleton bends towards a side road or a corner.

    If a node was moved along a road, away from the fork of the skeleton, that road's line passes it on the way to the
    fork. `tip` is the index of the end, `way` 1 or -1. A dead end continues the line from `heading` further on.
    Each end takes up to half of the line, or a third of a `loop`, which would otherwise fold back onto itself.
    """
    most = (size + 2) // 3 if loop else (size + 1) // 2
    moved = np.hypot(fork_x - node_x, fork_y - node_y)
    passing, least, length = 0, np.inf, 0.0
    for k in range(min(max(int(np.ceil(moved / JUMP)), 1), most), most):
        at = tip + way * k
        length += np.hypot(points[at, 0] - points[at - way, 0], points[at, 1] - points[at - way, 1])
        distance = np.hypot(points[at, 0] - node_x, points[at, 1] - node_y)
        if distance < least:
            passing, least = k, distance
        if length > 2 * moved:
            break
    stop = most - 1
    for k in range(passing, most):
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


@compiled_within
def extend(  # noqa: PLR0917 - compiled: plain arguments
    points: Points,
    metric: Points,
    tip: int,
    way: int,
    back: int,
    half_width: float,
    leaving: float,
    oblique: float,
    rows: float,
    columns: float,
) -> bool:
    """Extend a dead end by the half-width lost in thinning, or to the edge of the scene if that is near.

    Its direction is that of the last `back` steps; returns False if it has none. `tip` and `way` are those of
    `straighten`; the new point is written beside the tip.
    """
    col, row = points[tip, 0], points[tip, 1]
    east, south = col - points[tip + way * back, 0], row - points[tip + way * back, 1]
    norm = _length(metric, east, south)
    if norm == 0:
        return False
    east, south = east / norm, south / norm
    # Breadth of a column and of a row, square to their edges; the area of a pixel is 1.
    wide, high = 1 / np.hypot(metric[0, 1], metric[1, 1]), 1 / metric[0, 0]
    to_border, beside = np.inf, np.inf
    for part, at, most, breadth in ((east, col, columns, wide), (south, row, rows, high)):
        beside = min(beside, min(at, most - at) * breadth)
        if part != 0:
            to_border = min(to_border, max(((most if part > 0 else 0.0) - at) / part, 0.0))
    stretch = half_width * lost_to_thinning(metric, east, south)
    near = leaving * stretch + 1
    if beside <= near and to_border <= oblique * near:
        stretch = to_border
    points[tip - way, 0], points[tip - way, 1] = col + stretch * east, row + stretch * south
    return True


@compiled_within
def lost_to_thinning(metric: Points, east: float, south: float) -> float:
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
def _length(metric: Points, east: float, south: float) -> float:
    """Return the length of a step of columns and rows."""
    across, down = on_ground(metric, east, south)
    return float(np.hypot(across, down))
