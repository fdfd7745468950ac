"""Drop spurs, which hardly reach beyond the edge of their road, and edges of low probability."""

import numpy as np

from geoseg.roads.arrays import Flags
from geoseg.roads.settings import FAINT_DEAD_END, FAINT_DEAD_END_M, FAINT_EDGE
from geoseg.roads.skeleton.grid_settings import GridSettings

from .chains import Chains
from .edge_statistics import measure_edges
from .graph import Graph, dissolve


def drop_spurs(graph: Graph, min_spur_m: float) -> Graph:
    """Drop spurs, shortest first, while more than two edges meet at their node; join edges at nodes of degree two.

    A skeleton has a spur for every bump of a road's edge. Spurs start in the middle of the road, so their length is the
    half-width plus the bump; those that reach `min_spur_m` beyond the edge are side roads.
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
    # Of a fork at the end of a road, the longer branch stays.
    kept = np.maximum(2 - (degree[root] - count), 0)
    result[twig[rank < count - kept]] = True
    return result


def drop_faint(graph: Graph, chains: Chains, grid: GridSettings) -> Graph:
    """Drop edges of low probability, with a higher limit for dead ends; gaps that result may be closed later."""
    settings = grid.settings
    if settings.certain:
        return graph
    while True:
        mean = measure_edges(graph, chains, grid.pixel_m).prob_mean
        twig = (graph.at_ends(graph.degree, 0) == 1).any(axis=1) & (graph.length_m < FAINT_DEAD_END_M)
        faint = mean < settings.threshold + (1 - settings.threshold) * np.where(twig, FAINT_DEAD_END, FAINT_EDGE)
        if not faint.any():
            return graph
        graph = drop_spurs(graph.keep(~faint), settings.min_spur_m)
