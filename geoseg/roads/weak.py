"""Drop edges along which the probability is hardly above the threshold: haze between roads, not roads."""

import numpy as np

from .graph import Graph
from .pruning import prune
from .sampling import samples
from .splicing import Chains
from .stencil import Stencil

WEAK = 1.5
"""Thresholds that an edge's mean probability must reach."""

_TWIG, _TWIG_M = 2.0, 100.0
"""Thresholds that it must reach if the edge ends blind and is not this long."""


def drop_weak(graph: Graph, chains: Chains, stencil: Stencil) -> Graph:
    """Drop weak edges, and weaker ones than that where they end blind; gaps that this tears can still be closed."""
    settings = stencil.settings
    while True:
        mean = samples(graph, chains, stencil.pixel_m).prob_mean
        twig = (graph.at_ends(graph.degree, 0) == 1).any(axis=1) & (graph.length_m < _TWIG_M)
        weak = mean < settings.threshold * np.where(twig, _TWIG, WEAK)
        if not weak.any():
            return graph
        graph = prune(graph.keep(~weak), settings.min_spur_m)
