"""Walk along an edge from either end, pixel by pixel."""

import numpy as np

from geoseg.compiled import compiled_within
from geoseg.roads.arrays import Bytes, Ids, Points
from geoseg.roads.skeleton.neighbours import COLUMN_STEP, ROW_STEP

from .chains import Chains
from .graph import Graph

Flat = tuple[Ids, Ids, Bytes]
"""A graph as compiled code takes it: `Graph.start`, its parts `(parts, 4)` in the order of `Parts`, `Chains.code`."""


def flatten(graph: Graph, chains: Chains) -> Flat:
    """Return the arrays of a graph for compiled code."""
    parts = graph.parts
    return graph.start, np.column_stack([parts.first, parts.last, parts.first_id, parts.last_id]), chains.code


@compiled_within
def walk(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids, parts: Ids, code: Bytes, columns: int, edge: int, side: int, points: Points
) -> int:
    """Write pixel centres of an edge, from its start (side 0) or end (1), to `points` `(points, 2)` until that is full.

    `columns` are those of the grid. Returns the number of points written.
    """
    filled = 0
    size = start[edge + 1] - start[edge]
    for k in range(size):
        part = start[edge + 1] - 1 - k if side else start[edge] + k
        at, end, place = parts[part, side], parts[part, 1 - side], parts[part, 2 + side]
        row, col = place // columns, place % columns
        forward = at <= end
        while True:
            if filled == len(points):
                return filled
            points[filled, 0], points[filled, 1] = col + 0.5, row + 0.5
            filled += 1
            if at == end:
                break
            at, row, col = step(code, at, forward, row, col)
    return filled


@compiled_within
def step(code: Bytes, at: int, forward: bool, row: int, col: int) -> tuple[int, int, int]:
    """Return the index in `code`, row and column of the next pixel of a part, or of the last one before."""
    if forward:
        direction = code[at] & 7
        at += 1
    else:
        direction = code[at - 1] & 7 ^ 4
        at -= 1
    return at, row + ROW_STEP[direction], col + COLUMN_STEP[direction]
