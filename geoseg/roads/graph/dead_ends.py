"""Find dead ends, and where their roads head."""

from dataclasses import dataclass

import numpy as np

from geoseg.compiled import compiled_as
from geoseg.roads.arrays import Bytes, Floats, Ids, Points
from geoseg.roads.ground_steps import on_ground
from geoseg.roads.settings import GAP_HEADING_M, LEAVING_HALF_WIDTHS
from geoseg.roads.skeleton.grid_settings import GridSettings

from .graph import Graph
from .walking import Flat, walk


@dataclass(frozen=True, kw_only=True, eq=False)
class DeadEnds:
    """Dead ends within the scene, each `(ends,)`."""

    node: Ids
    edge: Ids
    side: Ids
    place: Points
    """`(ends, 2)` in pixels."""
    place_m: Points
    """In metres from the leftmost point of the grid, so that none is negative."""
    heading: Points
    """Unit vectors `(ends, 2)` in metres."""
    half_width_m: Floats


def find_dead_ends(graph: Graph, flat: Flat, grid: GridSettings) -> DeadEnds:
    """Find the dead ends of a graph, roads that leave the scene excepted; `flat` are its chains."""
    along_m, down_m = np.diag(grid.metric)
    border_m = (np.minimum(graph.place, np.array(grid.shape[::-1]) - graph.place) * [along_m, down_m]).min(axis=1)
    inside = border_m > LEAVING_HALF_WIDTHS * graph.half_width_m + grid.pixel_m
    edge, side = np.argwhere((graph.at_ends(graph.degree, 0) == 1) & graph.at_ends(inside, False)).T
    node = graph.ends[edge, side]
    place, half_width_m = graph.place[node], graph.half_width_m[node]
    heading = np.empty((node.size, 2))
    metric, points = np.ascontiguousarray(grid.metric), np.empty((512, 2))
    _measure_headings(*flat, grid.shape[1], edge, side, half_width_m, GAP_HEADING_M, metric, points, heading)
    return DeadEnds(
        node=node,
        edge=edge,
        side=side,
        place=place,
        place_m=grid.to_metres(place) - [leftmost(grid), 0],
        heading=heading,
        half_width_m=half_width_m,
    )


def leftmost(grid: GridSettings) -> float:
    """Return the least x of the grid in metres: its rows lean to the left on some sheared grids."""
    return min(float(grid.metric[0, 1]) * grid.shape[0], 0.0)


@compiled_as(
    "(int64[::1], int64[:,::1], uint8[::1], int64, int64[::1], int64[::1], float64[::1], float64, float64[:,::1],"
    " float64[:,::1], float64[:,::1])"
)
def _measure_headings(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids,
    parts: Ids,
    code: Bytes,
    columns: int,
    edge: Ids,
    side: Ids,
    body_m: Floats,
    length_m: float,
    metric: Floats,
    points: Points,
    result: Points,
) -> None:
    """Write the direction of each dead end `(tips, 2)`, ignoring its last half-width, which leads to a corner."""
    for tip in range(edge.size):
        found = walk(start, parts, code, columns, edge[tip], side[tip], points)
        first = last = 0
        for k in range(found):
            east, south = on_ground(metric, points[k, 0] - points[0, 0], points[k, 1] - points[0, 1])
            reach_m = np.hypot(east, south)
            if reach_m <= body_m[tip]:
                first = k
            if reach_m > body_m[tip] + length_m:
                break
            last = k
        if last < first + 3:
            first, last = 0, found - 1
        east, south = on_ground(metric, points[first, 0] - points[last, 0], points[first, 1] - points[last, 1])
        norm = max(np.hypot(east, south), 1e-9)
        result[tip, 0], result[tip, 1] = east / norm, south / norm
