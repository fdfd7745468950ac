"""Connected networks."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .graph import Graph

Ids = npt.NDArray[np.int64]


def component_of(graph: Graph) -> Ids:
    """Return the number of the network that each edge `(edges,)` is part of, counted in the order of the edges."""
    nodes = len(graph.place)
    joined = graph.ends[:, 0] >= 0
    ends = graph.ends[joined]
    pairs = coo_array((np.ones(len(ends), np.bool_), (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))
    _, label = connected_components(pairs, directed=False) if nodes else (0, np.zeros(0, np.int64))
    found = np.empty(len(graph.ends), np.int64)
    found[joined] = label[ends[:, 0]]
    found[~joined] = nodes + np.arange((~joined).sum())
    _, first, inverse = np.unique(found, return_index=True, return_inverse=True)
    order = np.empty(first.size, np.int64)
    order[np.argsort(first)] = np.arange(first.size)
    return order[inverse]


_WEAK, _WEAK_FACTOR = 0.5, 2.5
"""Below this mean probability a network must be so many times as long."""


def large(
    component: Ids, length_m: npt.NDArray[np.float64], prob: npt.NDArray[np.float64], least_m: float
) -> npt.NDArray[np.bool_]:
    """Tell of each edge `(edges,)` whether its network is long enough to be one, and not just noise.

    Parameters
    ----------
    component, length_m, prob
        Network, length and mean probability of each edge.
    least_m
        Length that a network must have; one of low probability more.
    """
    total_m = np.bincount(component, length_m)
    mean = np.bincount(component, length_m * prob) / np.maximum(total_m, 1e-9)
    kept: npt.NDArray[np.bool_] = total_m >= least_m * np.where(mean < _WEAK, _WEAK_FACTOR, 1)
    return kept[component]
