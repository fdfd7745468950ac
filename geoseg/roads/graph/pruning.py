"""Drop spurs, which hardly reach beyond the edge of the road they leave, and edges of low probability."""

import numpy as np

from geoseg.roads.arrays import Flags
from geoseg.roads.settings import FAINT_DEAD_END, FAINT_DEAD_END_M, FAINT_EDGE
from geoseg.roads.skeleton.grid_settings import GridSettings

from .chains import Chains
from .graph import Graph, dissolve
from .samples import samples


def drop_spurs(graph: Graph, min_spur_m: float) -> Graph:
    """Drop spurs, shortest first, as long as two edges are left at their node; join edges at nodes of degree two.

    A skeleton has a spur for every bump in a road's edge. It starts in the middle of the road, so its length is that of
    the half-width and the bump; one that reaches `min_spur_m` beyond the edge is a side road.
    """
    graph = dissolve(graph)
    while True:
        spur = _spurs(graph, min_spur_m)
        if not spur.any():
            return graph
        graph = dissolve(graph.keep(~spur))


def _spurs(graph: Graph, min_spur_m: float) -> Flags:
    degree, ends = graph.degree, graph.ends
    result = np.zeros(len(ends), np.bool_)
    dead = graph.at_ends(degree, 0) == 1
    twig = np.flatnonzero(dead.any(axis=1) & ~dead.all(axis=1))
    tip = np.where(dead[twig, 0], ends[twig, 0], ends[twig, 1])
    root = np.where(dead[twig, 0], ends[twig, 1], ends[twig, 0])
    beyond_m = graph.length_m[twig] + graph.half_width_m[tip] - graph.half_width_m[root]
    short = beyond_m < min_spur_m
    twig, root, beyond_m = twig[short], root[short], beyond_m[short]
    order = np.lexsort((twig, beyond_m, root))
    twig, root = twig[order], root[order]
    rank = np.arange(root.size) - np.searchsorted(root, root)
    count = np.searchsorted(root, root, side="right") - np.searchsorted(root, root)
    # Where a road forks at its end, the longer branch stays.
    kept = np.maximum(2 - (degree[root] - count), 0)
    result[twig[rank < count - kept]] = True
    return result


def drop_faint(graph: Graph, chains: Chains, grid: GridSettings) -> Graph:
    """Drop edges of low probability, dead ends sooner than others; gaps that this makes may be closed later."""
    settings = grid.settings
    if settings.certain:
        return graph
    while True:
        mean = samples(graph, chains, grid.pixel_m).prob_mean
        twig = (graph.at_ends(graph.degree, 0) == 1).any(axis=1) & (graph.length_m < FAINT_DEAD_END_M)
        faint = mean < settings.threshold + (1 - settings.threshold) * np.where(twig, FAINT_DEAD_END, FAINT_EDGE)
        if not faint.any():
            return graph
        graph = drop_spurs(graph.keep(~faint), settings.min_spur_m)
