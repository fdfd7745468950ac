"""Points of an edge's line, compiled: through pixel centres, with its ends in place, and smoothed."""

from geoseg.compiled import compiled_as, compiled_within
from geoseg.roads.graph.walking import walk

from .arrays import Bytes, Flags, Floats, Ids, Points
from .line_ends import extend, lost_to_thinning, straighten


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
def draw(  # noqa: PLR0917 - compiled: plain arguments
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
    filled = 0
    for k in range(start.size - 1):
        edge, last = first + k, offsets[k + 1] - 1
        ring = ends[edge, 0] < 0
        begin = filled + 1  # leaves room to extend the start
        size = _fill(corners, steps, offsets[k], last, points, begin)
        for side in range(0 if ring else 2):
            tip, way = (begin, 1) if side == 0 else (begin + size - 1, -1)
            reach = bends[edge, side]
            if dead[edge, side]:
                far = tip + way * min(size - 1, heading)
                reach = tip_reach[edge] * lost_to_thinning(
                    metric, points[tip, 0] - points[far, 0], points[tip, 1] - points[far, 1]
                )
            straighten(
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
                ends[edge, 0] == ends[edge, 1],
            )
        _smooth(points, begin, size, ring, weights, padded)
        for side in range(0 if ring else 2):
            tip, way = (begin, 1) if side == 0 else (begin + size - 1, -1)
            back = min(size - 1, heading)
            lost = half_width[ends[edge, side]]
            if dead[edge, side] and extend(points, metric, tip, way, back, lost, leaving, oblique, rows, columns):
                size += 1
                if side == 0:
                    begin -= 1
        for j in range(size):
            points[filled, 0] = min(max(points[begin + j, 0], 0.0), columns)
            points[filled, 1] = min(max(points[begin + j, 1], 0.0), rows)
            filled += 1
        start[k + 1] = filled


@compiled_within
def _fill(  # noqa: PLR0917 - compiled: plain arguments
    corners: Points, steps: Ids, first: int, last: int, points: Points, begin: int
) -> int:
    """Write a line through its corners in steps of about a pixel; return the number of points, at least two."""
    size = 1
    points[begin, 0], points[begin, 1] = corners[first, 0], corners[first, 1]
    for corner in range(first + 1, last + 1):
        for step in range(1, steps[corner] + 1):
            share = step / steps[corner]
            for axis in range(2):
                points[begin + size, axis] = (1 - share) * corners[corner - 1, axis] + share * corners[corner, axis]
            size += 1
    if size == 1:
        size = 2
        points[begin + 1, 0], points[begin + 1, 1] = points[begin, 0], points[begin, 1]
    return size


@compiled_within
def _smooth(  # noqa: PLR0917 - compiled: plain arguments
    points: Points, begin: int, size: int, ring: bool, weights: Floats, padded: Floats
) -> None:
    """Smooth a line, in place, between fixed ends, about which it is point-reflected; a ring wraps around."""
    radius = weights.size // 2
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
