"""Keep one of two edges around a hole in a road."""

import numpy as np

from geoseg.compiled import compiled
from geoseg.roads.arrays import Bytes, Floats, Ids
from geoseg.roads.settings import ISLAND_HALF_WIDTHS, ISLAND_M
from geoseg.roads.skeleton.grid_settings import GridSettings

from .chains import Chains
from .graph import Graph
from .walking import Flat, flatten, walk


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
    area, width_one, width_other = _compare(flat, chains.width, grid.shape[1], graph.ends, one, other)
    apart_m = area * grid.pixel_m**2 / (0.5 * (graph.length_m[one] + graph.length_m[other]))
    reach_m = ISLAND_HALF_WIDTHS * np.maximum(graph.half_width_m[low[one]], graph.half_width_m[high[one]])
    kept = np.ones(len(graph.ends), np.bool_)
    kept[np.where(width_one >= width_other, other, one)[apart_m <= reach_m]] = False
    return graph.keep(kept)


@compiled
def _compare(  # noqa: PLR0917 - compiled: plain arguments
    flat: Flat, width: Bytes, columns: int, ends: Ids, one: Ids, other: Ids
) -> tuple[Floats, Floats, Floats]:
    """Return the area between each pair of edges, in pixels, and the mean width of each edge."""
    start, first, last = flat[0], flat[1], flat[2]
    area = np.zeros(one.size)
    means = np.zeros((2, one.size))
    buffer = np.empty((4096, 2))
    for k in range(one.size):
        total = 0.0
        for turn in range(2):
            edge = one[k] if turn == 0 else other[k]
            # Out along one edge, back along the other.
            side = turn if ends[one[k], 0] == ends[edge, 0] else 1 - turn
            found = walk(flat, columns, edge, side, buffer)
            if turn == 0:
                origin, previous = buffer[0].copy(), buffer[0].copy()
            for j in range(found):
                total += (previous[0] - origin[0]) * (buffer[j, 1] - origin[1])
                total -= (buffer[j, 0] - origin[0]) * (previous[1] - origin[1])
                previous[:] = buffer[j]
            count, wide = 0, 0
            for part in range(start[edge], start[edge + 1]):
                for at in range(min(first[part], last[part]), max(first[part], last[part]) + 1):
                    count += 1
                    wide += width[at]
            means[turn, k] = wide / max(count, 1)
        area[k] = abs(total) / 2
    return area, means[0], means[1]
