"""Drop edges along which the probability is hardly above the threshold: haze between roads, not roads."""

import numpy as np

from .graph import Graph
from .pruning import prune
from .sampling import samples
from .splicing import Chains
from .stencil import Stencil

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
