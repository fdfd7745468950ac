"""Simplify the borders of a band, each once for both faces, so that none cross or touch."""

import heapq
import math

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

from .arcs import Arcs, Points, Starts
from .components import Flags, Labels

CLEARANCE = 0.1
"""Distance that a new border keeps from other bends, pixels: more than coordinates lose by rounding."""
MAX_LOSS = 0.25
"""Share of its pixels in a band that a face may lose: faces narrower than the tolerance must not become slivers."""


def simplify(arcs: Arcs, within: Labels, count: int, pixel_m: tuple[float, float], tolerance_m: float) -> Flags:
    """Choose the points of a band's arcs to keep `(points,)`; nodes stay, so that each band is simplified by itself.

    Points are removed in ascending order of the distance that the border moves. A point may go if the border stays
    within the tolerance of all its original points, sweeps over no other border, and takes no more than a quarter of a
    face. `within` holds the `count` faces of the band `(rows, columns)`, -1 for none; `pixel_m` is the height and width
    of a pixel.
    """
    ends = _ends(arcs, within.shape[1] + 1)
    may_lose = MAX_LOSS * _pixels(within, count)
    (rows, columns), (down, along) = within.shape, pixel_m
    return _simplify(
        arcs.points, arcs.start, arcs.left, arcs.right, ends, may_lose, rows, columns, down, along, tolerance_m
    )


def simplify_face(
    points: Points, start: Starts, pixels: float, pixel_m: tuple[float, float], tolerance_m: float
) -> Flags:
    """Choose the points of a whole face to keep `(points,)`, by the same rules; the first of each ring stays.

    `points` are the lattice points of its rings, which repeat their first, `start` the offsets of the rings, `pixels`
    its area.
    """
    low = points.min(axis=0) - 1
    columns, rows = (points.max(axis=0) + 1 - low).tolist()
    rings = len(start) - 1
    face, outside = np.zeros(rings, np.int32), np.full(rings, -1, np.int32)
    may_lose = np.array([MAX_LOSS * pixels])
    return _simplify(
        points - low, start, face, outside, np.arange(rings), may_lose, rows, columns, *pixel_m, tolerance_m
    )


def _ends(arcs: Arcs, stride: int) -> Starts:
    """Number the pair of nodes that each arc connects, in either direction, `(arcs,)`."""
    ids = arcs.points[:, 1].astype(np.int64) * stride + arcs.points[:, 0]
    ends = np.sort(np.column_stack([ids[arcs.start[:-1]], ids[arcs.start[1:] - 1]]), axis=1)
    numbers: Starts = np.unique(ends, axis=0, return_inverse=True)[1].ravel()  # NumPy 2.0.0 returns a column
    return numbers


@compiled
def _pixels(within: Labels, count: int) -> npt.NDArray[np.float64]:
    pixels = np.zeros(count, np.float64)
    for y in range(within.shape[0]):
        for x in range(within.shape[1]):
            if within[y, x] >= 0:
                pixels[within[y, x]] += 1
    return pixels


@compiled
def _simplify(  # noqa: PLR0912, PLR0917 - one loop over all arcs, compiled
    points: Points,
    start: Starts,
    left: Labels,
    right: Labels,
    ends: Starts,
    may_lose: npt.NDArray[np.float64],
    rows: int,
    columns: int,
    down: float,
    along: float,
    tolerance: float,
) -> Flags:
    keep = np.ones(len(points), np.bool_)
    bends = np.zeros((rows + 1, columns + 1), np.bool_)
    straight = np.zeros(start.size, np.bool_)  # whether a straight arc connects a pair of nodes
    longest = 0
    for arc in range(start.size - 1):
        longest = max(longest, start[arc + 1] - start[arc])
        straight[ends[arc]] |= start[arc + 1] - start[arc] == 2
        for k in range(start[arc], start[arc + 1]):
            bends[points[k, 1], points[k, 0]] = True
    before, after, moved = np.empty(longest, np.int64), np.empty(longest, np.int64), np.empty(longest, np.float64)
    for arc in range(start.size - 1):
        line = points[start[arc] : start[arc + 1]]
        size = len(line)
        kept = size
        closed = line[0, 0] == line[-1, 0] and line[0, 1] == line[-1, 1]
        # Two straight arcs would coincide; if both ends are on the bottom line, the other may be in the next band.
        bulging = straight[ends[arc]] or (line[0, 1] == rows and line[-1, 1] == rows)
        least = 4 if closed else 3 if bulging else 2
        if size <= least:
            continue
        waiting = [(0.0, 0) for _ in range(0)]
        for k in range(size):
            before[k], after[k] = k - 1, k + 1
            if 0 < k < size - 1 and not _is_corner(line[k], rows, columns):
                moved[k] = _moved(line, k - 1, k + 1, down, along)
                if moved[k] <= tolerance:
                    waiting.append((moved[k], k))
        heapq.heapify(waiting)
        while waiting and kept > least:
            metres, k = heapq.heappop(waiting)
            if not keep[start[arc] + k] or metres != moved[k]:
                continue  # queued again at a new cost
            # Pixels that pass from the left face to the right one; negative for the reverse.
            given = -_doubled_area(line[before[k]], line[k], line[after[k]]) / 2
            loser = left[arc] if given > 0 else right[arc]
            if (loser >= 0 and abs(given) > may_lose[loser]) or not _free(line, before[k], k, after[k], bends):
                continue
            if left[arc] >= 0:
                may_lose[left[arc]] -= given
            if right[arc] >= 0:
                may_lose[right[arc]] += given
            keep[start[arc] + k] = False
            bends[line[k, 1], line[k, 0]] = False
            kept -= 1
            after[before[k]] = after[k]
            before[after[k]] = before[k]
            for other in (before[k], after[k]):
                if 0 < other < size - 1 and not _is_corner(line[other], rows, columns):
                    moved[other] = _moved(line, before[other], after[other], down, along)
                    if moved[other] <= tolerance:
                        heapq.heappush(waiting, (moved[other], other))
        straight[ends[arc]] |= kept == 2
    return keep


@compiled
def _doubled_area(a: npt.NDArray[np.int32], b: npt.NDArray[np.int32], c: npt.NDArray[np.int32]) -> int:
    """Return twice the area of a triangle; with rows running down, negative if counter-clockwise."""
    return int((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


@compiled
def _is_corner(point: npt.NDArray[np.int32], rows: int, columns: int) -> bool:
    """Whether a bend is a corner of the raster, which stays."""
    return bool((point[0] == 0 or point[0] == columns) and (point[1] == 0 or point[1] == rows))


@compiled
def _moved(line: Points, a: int, c: int, down: float, along: float) -> float:
    """Return the greatest distance of the points between `a` and `c` from the segment that joins them, metres."""
    ux, uy = (line[c, 0] - line[a, 0]) * along, (line[c, 1] - line[a, 1]) * down
    length = ux * ux + uy * uy
    most = 0.0
    for k in range(a + 1, c):
        vx, vy = (line[k, 0] - line[a, 0]) * along, (line[k, 1] - line[a, 1]) * down
        share = min(max((ux * vx + uy * vy) / length, 0.0), 1.0) if length > 0 else 0.0
        most = max(most, math.hypot(vx - share * ux, vy - share * uy))
    return most


@compiled
def _free(line: Points, a: int, b: int, c: int, bends: Flags) -> bool:
    """Whether no bend is in the triangle of three points of a line, or near its side from `a` to `c`.

    A border that enters the triangle ends in it or leaves by that side: it does not cross the other two.
    """
    ax, ay, bx, by, cx, cy = line[a, 0], line[a, 1], line[b, 0], line[b, 1], line[c, 0], line[c, 1]
    ux, uy = cx - ax, cy - ay
    length = math.hypot(ux, uy)
    beside = 1.0 + (CLEARANCE * length / abs(uy) if uy != 0 else 0.0)
    for y in range(min(ay, by, cy), max(ay, by, cy) + 1):
        low, high = math.inf, -math.inf
        for px, py, qx, qy in ((ax, ay, bx, by), (bx, by, cx, cy), (ax, ay, cx, cy)):
            if min(py, qy) <= y <= max(py, qy):
                one = px if py == qy else px + (y - py) * (qx - px) / (qy - py)
                other = qx if py == qy else one
                low, high = min(low, one, other), max(high, one, other)
        for x in range(max(0, math.ceil(low - beside)), min(bends.shape[1] - 1, math.floor(high + beside)) + 1):
            if not bends[y, x] or (x == ax and y == ay) or (x == bx and y == by) or (x == cx and y == cy):
                continue
            if low - 1e-9 <= x <= high + 1e-9:
                return False
            vx, vy = x - ax, y - ay
            share = min(max((ux * vx + uy * vy) / (length * length), 0.0), 1.0)
            if math.hypot(vx - share * ux, vy - share * uy) < CLEARANCE:
                return False
    return True
