"""Drop spurs: dead ends that reach hardly beyond the edge of the road they leave."""

import numpy as np

from geoseg.roads.arrays import Flags
from geoseg.roads.settings import DEAD_END_M, FAINT, FAINT_DEAD_END
from geoseg.roads.skeleton.grid_settings import GridSettings

from .chains import Chains
from .graph import Graph, dissolve
from .samples import samples


def drop_spurs(graph: Graph, min_spur_m: float) -> Graph:
    """Drop spurs, but never so many that a road through a node or to it would end short; then join what is left.

    A skeleton starts a spur for every bump in a road's edge. It leads from the road's middle to the bump, so it is as
    long as the road's half-width and the bump are; what reaches `min_spur_m` beyond the edge is a side road.
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
    # A road that forks at its end keeps the longer tine.
    kept = np.maximum(2 - (degree[root] - count), 0)
    result[twig[rank < count - kept]] = True
    return result


def drop_faint(graph: Graph, chains: Chains, grid: GridSettings) -> Graph:
    """Drop faint edges, and fainter ones than that where they end blind; gaps that this tears can still be closed."""
    settings = grid.settings
    if settings.certain:
        return graph
    while True:
        mean = samples(graph, chains, grid.pixel_m).prob_mean
        twig = (graph.at_ends(graph.degree, 0) == 1).any(axis=1) & (graph.length_m < DEAD_END_M)
        faint = mean < settings.threshold + (1 - settings.threshold) * np.where(twig, FAINT_DEAD_END, FAINT)
        if not faint.any():
            return graph
        graph = drop_spurs(graph.keep(~faint), settings.min_spur_m)
