"""Close gaps between dead ends, and from dead ends to roads ahead, where probabilities suggest a road."""

import numpy as np

from geoseg.roads.arrays import Flags, Ids, Read
from geoseg.roads.settings import GAP_CONTRAST
from geoseg.roads.skeleton.grid_settings import GridSettings

from .bridges import SNAP_PX, Bridges, add_bridges
from .chains import Chains
from .dead_ends import DeadEnds, find_dead_ends
from .evidence import probe_lines
from .graph import Graph, pixel_centres
from .joins import Joins, find_roads_ahead, pair_dead_ends
from .walking import flatten


def close_gaps(graph: Graph, chains: Chains, read: Read, grid: GridSettings) -> Graph:
    """Join dead ends to each other and to roads ahead, cheapest first, where the probability along the gap allows it.

    The graph must not have nodes of degree two; the result may.
    """
    flat = flatten(graph, chains)
    ends = find_dead_ends(graph, flat, grid)
    if not ends.node.size:
        return graph
    settings = grid.settings
    joins = pair_dead_ends(ends, settings.max_gap_m) + find_roads_ahead(flat, ends, grid)
    target = np.where((joins.other >= 0)[:, None], ends.place[joins.other], pixel_centres(joins.pixel, grid.shape[1]))
    share, mean, beside = probe_lines(read, ends.place[joins.tip], target, grid)
    sound = (mean >= settings.min_gap_probability) & (mean >= GAP_CONTRAST * beside)
    chosen = _choose(joins, sound, *_find_ends_at(graph, joins, ends, grid))
    joins, target = joins[chosen], target[chosen]
    length_m = np.hypot(*grid.to_metres(target - ends.place[joins.tip]).T)
    bridges = Bridges(
        tail=ends.node[joins.tip],
        head=np.where(joins.other >= 0, ends.node[joins.other], -1),
        part=joins.part,
        at=joins.at,
        pixel=joins.pixel,
        length_m=length_m,
        gap_m=share[chosen] * length_m,
    )
    return add_bridges(graph, bridges, grid)


def _find_ends_at(graph: Graph, joins: Joins, ends: DeadEnds, grid: GridSettings) -> tuple[Ids, Flags]:
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


def _choose(joins: Joins, sound: Flags, end: Ids, ends_there: Flags) -> Ids:
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
