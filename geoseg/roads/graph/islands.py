"""Keep one of two edges around a hole in a road."""

import numpy as np

from geoseg.compiled import compiled_as
from geoseg.roads.arrays import Bytes, Floats, Ids, Points
from geoseg.roads.settings import ISLAND_HALF_WIDTHS, ISLAND_M
from geoseg.roads.skeleton.grid_settings import GridSettings

from .chains import Chains
from .graph import Graph
from .walking import flatten, walk


def close_islands(graph: Graph, chains: Chains, grid: GridSettings) -> Graph:
    """Drop the narrower of two short edges between the same nodes if they are within the width of one road."""
    low, high = graph.ends.min(axis=1), graph.ends.max(axis=1)
    short = np.flatnonzero((low >= 0) & (low != high) & (graph.length_m < ISLAND_M))
    order = short[np.lexsort((short, high[short], low[short]))]
    one, other = order[:-1], order[1:]
    same = (low[one] == low[other]) & (high[one] == high[other])
    one, other = one[same], other[same]
    if not one.size:
        return graph
    flat = flatten(graph, chains)
    measured = np.empty((3, one.size))
    _compare(*flat, chains.width, grid.shape[1], graph.ends, np.stack([one, other]), np.empty((4096, 2)), measured)
    area, width_one, width_other = measured
    apart_m = area * grid.pixel_m**2 / (0.5 * (graph.length_m[one] + graph.length_m[other]))
    reach_m = ISLAND_HALF_WIDTHS * np.maximum(graph.half_width_m[low[one]], graph.half_width_m[high[one]])
    kept = np.ones(len(graph.ends), np.bool_)
    kept[np.where(width_one >= width_other, other, one)[apart_m <= reach_m]] = False
    return graph.keep(kept)


@compiled_as(
    "(int64[::1], int64[:,::1], uint8[::1], uint8[::1], int64, int64[:,::1], int64[:,::1], float64[:,::1],"
    " float64[:,::1])"
)
def _compare(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids,
    parts: Ids,
    code: Bytes,
    width: Bytes,
    columns: int,
    ends: Ids,
    pairs: Ids,
    points: Points,
    measured: Floats,
) -> None:
    """Write the area between each pair of edges, in pixels, and the mean width of each edge."""
    for k in range(pairs.shape[1]):
        total = x = y = origin_x = origin_y = 0.0
        for turn in range(2):
            edge = pairs[turn, k]
            # Out along one edge, back along the other.
            side = turn if ends[pairs[0, k], 0] == ends[edge, 0] else 1 - turn
            found = walk(start, parts, code, columns, edge, side, points)
            if turn == 0:
                x, y = origin_x, origin_y = points[0, 0], points[0, 1]
            for j in range(found):
                total += (x - origin_x) * (points[j, 1] - origin_y)
                total -= (points[j, 0] - origin_x) * (y - origin_y)
                x, y = points[j, 0], points[j, 1]
            count = wide = 0
            for part in range(start[edge], start[edge + 1]):
                low, high = parts[part, 0], parts[part, 1]
                for at in range(min(low, high), max(low, high) + 1):
                    count += 1
                    wide += width[at]
            measured[1 + turn, k] = wide / max(count, 1)
        measured[0, k] = abs(total) / 2
