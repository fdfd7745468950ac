"""Drop spurs: dead ends that reach hardly beyond the edge of the road they leave."""

import numpy as np
import numpy.typing as npt

from geoseg.roads.skeleton.stencil import Stencil

from .chains import Chains
from .graph import Graph, dissolve
from .samples import samples


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


_WEAK = 3 / 14
"""Share of the way from the threshold to certainty that an edge's mean probability must have gone: 0.45 for 0.3."""

_TWIG, _TWIG_M = 3 / 7, 100.0
"""The same of an edge that ends blind and is not this long: 0.6 for 0.3."""


def drop_weak(graph: Graph, chains: Chains, stencil: Stencil) -> Graph:
    """Drop weak edges, and weaker ones than that where they end blind; gaps that this tears can still be closed."""
    settings = stencil.settings
    if settings.certain:
        return graph
    while True:
        mean = samples(graph, chains, stencil.pixel_m).prob_mean
        twig = (graph.at_ends(graph.degree, 0) == 1).any(axis=1) & (graph.length_m < _TWIG_M)
        weak = mean < settings.threshold + (1 - settings.threshold) * np.where(twig, _TWIG, _WEAK)
        if not weak.any():
            return graph
        graph = prune(graph.keep(~weak), settings.min_spur_m)
