"""Drop spurs: dead ends that reach hardly beyond the edge of the road they leave."""

import numpy as np
import numpy.typing as npt

from .graph import Graph, dissolve


def prune(graph: Graph, min_spur_m: float) -> Graph:
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


def _spurs(graph: Graph, min_spur_m: float) -> npt.NDArray[np.bool_]:
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
