"""Walk along an edge from either end, pixel by pixel."""

from geoseg.compiled import compiled
from geoseg.roads.arrays import Bytes, Ids, Points
from geoseg.roads.skeleton.neighbours import COLUMN_STEP, ROW_STEP

from .chains import Chains
from .graph import Graph

Flat = tuple[Ids, Ids, Ids, Ids, Ids, Bytes]
"""A graph as compiled code takes it: `Graph.start`, the four arrays of `Graph.parts`, and `Chains.code`."""


def flatten(graph: Graph, chains: Chains) -> Flat:
    """Return the arrays of a graph for compiled code."""
    parts = graph.parts
    return graph.start, parts.first, parts.last, parts.first_id, parts.last_id, chains.code


@compiled
def walk(flat: Flat, columns: int, edge: int, side: int, points: Points) -> int:
    """Write pixel centres of an edge, from its start (side 0) or end (1), to `points` `(points, 2)` until that is full.

    `columns` are those of the grid. Returns the number of points written.
    """
    start, first, last, first_id, last_id, code = flat
    filled = 0
    size = start[edge + 1] - start[edge]
    for k in range(size):
        part = start[edge] + k if side == 0 else start[edge + 1] - 1 - k
        begin, end, place = first[part], last[part], first_id[part]
        if side == 1:
            begin, end, place = end, begin, last_id[part]
        row, col = place // columns, place % columns
        forward = begin <= end
        at = begin
        while True:
            if filled == len(points):
                return filled
            points[filled, 0], points[filled, 1] = col + 0.5, row + 0.5
            filled += 1
            if at == end:
                break
            if forward:
                direction = code[at] & 7
                at += 1
            else:
                direction = code[at - 1] & 7 ^ 4
                at -= 1
            row += ROW_STEP[direction]
            col += COLUMN_STEP[direction]
    return filled
