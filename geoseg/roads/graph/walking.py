"""Walk along an edge, pixel by pixel, from either end."""

from geoseg.compiled import compiled
from geoseg.roads.arrays import Bytes, Ids, Points
from geoseg.roads.skeleton.neighbours import COLUMN_STEP, ROW_STEP

from .chains import Chains
from .graph import Graph

Flat = tuple[Ids, Ids, Ids, Ids, Ids, Bytes]
"""Arrays of a graph for compiled code: `Graph.start`, the four of `Graph.parts`, and `Chains.code`."""


def flat_of(graph: Graph, chains: Chains) -> Flat:
    """Return the arrays that `walk` needs."""
    parts = graph.parts
    return graph.start, parts.first, parts.last, parts.first_id, parts.last_id, chains.code


@compiled
def walk(flat: Flat, columns: int, edge: int, side: int, points: Points) -> int:
    """Write the centres of an edge's pixels, until `points` is full.

    Parameters
    ----------
    flat, columns
        The graph, and the columns of the grid.
    edge, side
        The edge, and the end to start from: 0 its first, 1 its last.
    points
        Written: column and row `(points, 2)`.

    Returns
    -------
    int
        Number of points written.
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
