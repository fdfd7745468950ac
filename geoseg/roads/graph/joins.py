"""Find gaps that may be closed: between dead ends that face each other, and from dead ends to roads ahead."""

from dataclasses import dataclass

import numpy as np

from geoseg.compiled import compiled_as
from geoseg.roads.arrays import Bytes, Flags, Floats, Ids, Points
from geoseg.roads.ground_steps import on_ground
from geoseg.roads.settings import GAP_CANDIDATES, GAP_END_DEG, GAP_ROAD_COSINE
from geoseg.roads.skeleton.grid_settings import GridSettings

from .dead_ends import DeadEnds, leftmost
from .walking import Flat, step


@dataclass(frozen=True, kw_only=True, eq=False)
class Joins:
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

    def __getitem__(self, index: Ids | Flags) -> "Joins":
        return Joins(**{name: values[index] for name, values in vars(self).items()})

    def __add__(self, more: "Joins") -> "Joins":
        return Joins(**{name: np.concatenate([values, getattr(more, name)]) for name, values in vars(self).items()})


def pair_dead_ends(ends: DeadEnds, reach_m: float) -> Joins:
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
    return Joins(tip=one[facing], other=other[facing], part=none, at=none, pixel=none, cost=cost[facing])


def find_roads_ahead(flat: Flat, ends: DeadEnds, grid: GridSettings) -> Joins:
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
        leftmost(grid),
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
    return Joins(tip=found, other=none, part=part[found], at=at[found], pixel=pixel[found], cost=cost[found])


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
