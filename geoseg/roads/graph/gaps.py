"""Close gaps between dead ends, and from dead ends to roads ahead, where probabilities suggest a road."""

from dataclasses import dataclass

import numpy as np

from geoseg.compiled import compiled_as
from geoseg.roads.arrays import Bytes, Flags, Floats, Ids, Points, Read
from geoseg.roads.ground_steps import on_ground
from geoseg.roads.settings import (
    GAP_CANDIDATES,
    GAP_CONTRAST,
    GAP_END_DEG,
    GAP_HEADING_M,
    GAP_ROAD_COSINE,
    LEAVING_HALF_WIDTHS,
)
from geoseg.roads.skeleton.grid_settings import GridSettings

from .bridges import SNAP_PX, Bridges, add_bridges
from .chains import Chains
from .evidence import probe_lines
from .graph import Graph, pixel_centres
from .walking import Flat, flatten, step, walk


@dataclass(frozen=True, kw_only=True, eq=False)
class _DeadEnds:
    """Dead ends within the scene."""

    edge: Ids
    side: Ids
    place: Points
    """In pixels."""
    place_m: Points
    """In metres, none negative."""
    heading: Points
    """Unit vectors `(ends, 2)` in metres."""
    half_width_m: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class _Joins:
    """Gaps that may be closed, each `(joins,)`."""

    tip: Ids
    """Index of the dead end where it starts."""
    other: Ids
    """Index of the dead end where it ends; -1 at a pixel."""
    part: Ids
    at: Ids
    pixel: Ids
    """Pixel where it ends, as in `Bridges`; -1 at a dead end."""
    cost: Floats
    """Distance in metres, weighted by the turn."""

    def __getitem__(self, index: Ids | Flags) -> "_Joins":
        return _Joins(**{name: values[index] for name, values in vars(self).items()})


def close_gaps(graph: Graph, chains: Chains, read: Read, grid: GridSettings) -> Graph:
    """Join dead ends to each other and to roads ahead, cheapest first, where the probability along the gap allows it.

    The graph must not have nodes of degree two; the result may.
    """
    columns, settings = grid.shape[1], grid.settings
    tips = _find_dead_ends(graph, grid)
    if not len(tips):
        return graph
    flat = flatten(graph, chains)
    edge, side = tips.T
    node = graph.ends[edge, side]
    half_width_m = graph.half_width_m[node]
    heading = np.empty((len(tips), 2))
    metric, points = np.ascontiguousarray(grid.metric), np.empty((512, 2))
    _measure_headings(*flat, columns, edge, side, half_width_m, GAP_HEADING_M, metric, points, heading)
    place_m = grid.to_metres(graph.place[node])
    ends = _DeadEnds(
        edge=edge,
        side=side,
        place=graph.place[node],
        place_m=place_m - [_leftmost(grid), 0],
        heading=heading,
        half_width_m=half_width_m,
    )
    joins = [_pair_dead_ends(ends, settings.max_gap_m), _find_roads_ahead(flat, ends, grid)]
    both = _Joins(**{name: np.concatenate([getattr(one, name) for one in joins]) for name in vars(joins[0])})
    target = pixel_centres(both.pixel, columns)
    target[both.other >= 0] = ends.place[both.other[both.other >= 0]]
    share, mean, beside = probe_lines(read, ends.place[both.tip], target, grid)
    sound = (mean >= settings.min_gap_probability) & (mean >= GAP_CONTRAST * beside)
    chosen = _choose(both, sound, *_find_ends_at(graph, both, ends, grid))
    both, target = both[chosen], target[chosen]
    length_m = np.hypot(*grid.to_metres(target - ends.place[both.tip]).T)
    bridges = Bridges(
        tail=node[both.tip],
        head=np.where(both.other >= 0, node[both.other], -1),
        part=both.part,
        at=both.at,
        pixel=both.pixel,
        length_m=length_m,
        gap_m=share[chosen] * length_m,
    )
    return add_bridges(graph, bridges, grid)


def _find_dead_ends(graph: Graph, grid: GridSettings) -> Ids:
    """Return edge and side of dead ends `(tips, 2)`, roads that leave the scene excepted."""
    along_m, down_m = np.diag(grid.metric)
    border_m = (np.minimum(graph.place, np.array(grid.shape[::-1]) - graph.place) * [along_m, down_m]).min(axis=1)
    inside = border_m > LEAVING_HALF_WIDTHS * graph.half_width_m + grid.pixel_m
    return np.argwhere((graph.at_ends(graph.degree, 0) == 1) & graph.at_ends(inside, False))


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


def _leftmost(grid: GridSettings) -> float:
    """Return the least x of the grid in metres: its rows lean to the left on some sheared grids."""
    return min(float(grid.metric[0, 1]) * grid.shape[0], 0.0)


def _pair_dead_ends(ends: _DeadEnds, reach_m: float) -> _Joins:
    """Find pairs of dead ends that face each other."""
    from scipy.spatial import cKDTree

    count = len(ends.place_m)
    _, near = cKDTree(ends.place_m).query(ends.place_m, k=GAP_CANDIDATES + 1, distance_upper_bound=reach_m)
    pairs = np.column_stack([np.repeat(np.arange(count), GAP_CANDIDATES + 1), near.ravel()])
    pairs = np.unique(np.sort(pairs[pairs[:, 1] < count], axis=1), axis=0)
    one, other = pairs[pairs[:, 0] < pairs[:, 1]].T
    step = ends.place_m[other] - ends.place_m[one]
    distance = np.maximum(np.hypot(*step.T), 1e-9)
    forth = (step * ends.heading[one]).sum(axis=1) / distance
    back = -(step * ends.heading[other]).sum(axis=1) / distance
    # Ends that almost touch may face any way but backwards.
    touching = distance <= ends.half_width_m[one] + ends.half_width_m[other]
    least = np.where(touching, 0.0, np.cos(np.radians(GAP_END_DEG)))
    facing = (forth >= least) & (back >= least)
    none = np.full(int(facing.sum()), -1)
    cost = distance * (3 - forth - back)
    return _Joins(tip=one[facing], other=other[facing], part=none, at=none, pixel=none, cost=cost[facing])


def _find_roads_ahead(flat: Flat, ends: _DeadEnds, grid: GridSettings) -> _Joins:
    """Find the best pixel ahead of each dead end on another edge."""
    reach_m = grid.settings.max_gap_m
    cell = (ends.place_m // reach_m).astype(np.int64)
    across = int(cell[:, 0].max()) + 3
    number = (cell[:, 1] + 1) * across + cell[:, 0] + 1
    order = np.argsort(number, kind="stable")
    count = (int(cell[:, 1].max()) + 3) * across
    first = np.searchsorted(number[order], np.arange(count + 1))
    best, cost = np.full((len(ends.place_m), 3), -1), np.full(len(ends.place_m), np.inf)
    _scan(
        *flat,
        grid.shape[1],
        np.ascontiguousarray(grid.metric),
        _leftmost(grid),
        ends.edge,
        ends.place_m,
        ends.heading,
        reach_m,
        GAP_ROAD_COSINE,
        across,
        first,
        order,
        best,
        cost,
    )
    part, at, pixel = best.T
    found = np.flatnonzero(part >= 0)
    none = np.full(found.size, -1)
    return _Joins(tip=found, other=none, part=part[found], at=at[found], pixel=pixel[found], cost=cost[found])


@compiled_as(
    "(int64[::1], int64[:,::1], uint8[::1], int64, float64[:,::1], float64, int64[::1], float64[:,::1],"
    " float64[:,::1], float64, float64, int64, int64[::1], int64[::1], int64[:,::1], float64[::1])"
)
def _scan(  # noqa: PLR0917 - compiled: one loop, plain arguments
    start: Ids,
    parts: Ids,
    code: Bytes,
    columns: int,
    metric: Floats,
    leftmost: float,
    own: Ids,
    place: Points,
    heading: Points,
    reach: float,
    least_cosine: float,
    across: int,
    first_tip: Ids,
    tip_order: Ids,
    best: Ids,
    best_cost: Floats,
) -> None:
    """Offer every pixel to the dead ends in the nine cells around it; keep the best pixel for each dead end.

    `best` is its part, index in `code` and id, `across` the number of cells in a row.
    """
    cells = first_tip.size - 1
    for edge in range(start.size - 1):
        for part in range(start[edge], start[edge + 1]):
            at, end = parts[part, 0], parts[part, 1]
            forward = at <= end
            row, col = parts[part, 2] // columns, parts[part, 2] % columns
            while True:
                x, y = on_ground(metric, col + 0.5, row + 0.5)
                x -= leftmost
                cell = int(x / reach) + 1
                home = (int(y / reach) + 1) * across + cell
                for down in range(-1, 2):
                    # Three adjacent cells of a row are one range, which must not wrap around the grid's edge.
                    low, high = home + down * across - 1, home + down * across + 1
                    if high < 0 or low >= cells or cell >= across:
                        continue
                    for k in range(first_tip[max(low, 0)], first_tip[min(high, cells - 1) + 1]):
                        tip = tip_order[k]
                        if own[tip] == edge:
                            continue
                        east, south = x - place[tip, 0], y - place[tip, 1]
                        distance = np.hypot(east, south)
                        if distance > reach or distance == 0:
                            continue
                        ahead = (east * heading[tip, 0] + south * heading[tip, 1]) / distance
                        if ahead < least_cosine:
                            continue
                        cost = distance * (3 - 2 * ahead)
                        pixel = row * columns + col
                        if cost < best_cost[tip] or (cost == best_cost[tip] and pixel < best[tip, 2]):
                            best[tip, 0], best[tip, 1], best[tip, 2], best_cost[tip] = part, at, pixel, cost
                if at == end:
                    break
                at, row, col = step(code, at, forward, row, col)


def _find_ends_at(graph: Graph, joins: _Joins, ends: _DeadEnds, grid: GridSettings) -> tuple[Ids, Flags]:
    """Return the dead end of the road where each join ends, the nearer of two, -1 for none; and whether it ends there.

    A join to a road that is met near its end leads to the node there, see `add_bridges`.
    """
    tip_of = np.full((len(graph.ends), 2), -1)
    tip_of[ends.edge, ends.side] = np.arange(len(ends.edge))
    found, distance_m = joins.other.copy(), np.where(joins.other >= 0, 0.0, np.inf)
    to_pixel = np.flatnonzero(joins.other < 0)
    pixel = pixel_centres(joins.pixel[to_pixel], grid.shape[1])
    for tip in tip_of[graph.edge_of(joins.part[to_pixel])].T:
        apart_m = np.where(tip >= 0, np.hypot(*grid.to_metres(ends.place[tip] - pixel).T), np.inf)
        nearer = apart_m < distance_m[to_pixel]
        found[to_pixel[nearer]], distance_m[to_pixel[nearer]] = tip[nearer], apart_m[nearer]
    return found, distance_m <= ends.half_width_m[found] + SNAP_PX * grid.pixel_m


def _choose(joins: _Joins, sound: Flags, end: Ids, ends_there: Flags) -> Ids:
    """Return the cheapest sound joins, at most one for each dead end.

    `end` and `ends_there` are those of `_find_ends_at`. A dead end that another is joined to is no longer one, and of
    two that are each other's road ahead, only one is joined.
    """
    used: set[int] = set()
    pairs: set[tuple[int, int]] = set()
    chosen = []
    candidates = np.flatnonzero(sound)
    order = candidates[np.lexsort((joins.other[candidates], joins.tip[candidates], joins.cost[candidates]))]
    for index in order.tolist():
        tip, other = int(joins.tip[index]), int(end[index])
        if tip in used or (ends_there[index] and other in used) or (other, tip) in pairs:
            continue
        used.add(tip)
        if ends_there[index]:
            used.add(other)
        pairs.add((tip, other))
        chosen.append(index)
    return np.array(sorted(chosen), np.int64)
