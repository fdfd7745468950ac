"""From the tidied graph to the network: draw and measure edges, drop what is too small, number the rest."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from geoseg.roads.graph.chains import Chains
from geoseg.roads.graph.graph import Graph, component_of, dissolve
from geoseg.roads.graph.samples import Samples, samples
from geoseg.roads.skeleton.grid_settings import GridSettings

from .arrays import Flags, Floats, Ids
from .network import FRACTIONS, Edges, Nodes, RoadNetwork
from .placement import Placement
from .settings import FAINT_NETWORK, FAINT_NETWORK_FACTOR, PLAZA_SHARE
from .smooth_lines import draw_lines


@dataclass(frozen=True, kw_only=True, eq=False)
class _Lines:
    """Lines of all edges, their vertices in `FRACTIONS` of a pixel, without repeated ones."""

    start: Ids
    vertices: npt.NDArray[np.int32]
    length_m: Floats


def assemble_network(graph: Graph, chains: Chains, placement: Placement, grid: GridSettings) -> RoadNetwork:
    """Turn a graph without nodes of degree two into a network."""
    while True:
        summed = samples(graph, chains, grid.pixel_m)
        lines = _drawn(graph, chains, summed.width_m, placement, grid)
        gone = ~np.isfinite(lines.length_m)  # outside the domain of the CRS
        points = lines.length_m == 0
        loops = (graph.ends[:, 0] == graph.ends[:, 1]) & (graph.ends[:, 0] >= 0)
        gone |= points | (loops & (lines.length_m < grid.settings.min_loop_m))
        if not gone.any():
            break
        graph = dissolve(_shrunk(graph, points).keep(~gone))
    component = component_of(graph)
    kept = _large(component, lines.length_m, summed.prob_mean, grid.settings.min_component_m)
    return _numbered(graph, lines, summed, np.where(kept, component, -1), placement, grid)


def _drawn(
    graph: Graph,
    chains: Chains,
    width_m: Floats,
    placement: Placement,
    grid: GridSettings,
) -> _Lines:
    counts: list[Ids] = [np.zeros(1, np.int64)]
    vertices: list[npt.NDArray[np.int32]] = [np.zeros((0, 2), np.int32)]
    lengths: list[Floats] = [np.zeros(0)]
    for points, start in draw_lines(graph, chains, width_m, grid):
        whole = np.rint(points * FRACTIONS).astype(np.int32)
        owner = np.repeat(np.arange(start.size - 1), np.diff(start))
        fresh = np.ones(len(whole), np.bool_)
        fresh[1:] = (whole[1:] != whole[:-1]).any(axis=1) | (owner[1:] != owner[:-1])
        whole, owner = whole[fresh], owner[fresh]
        steps = placement.step_lengths(placement.place(whole / FRACTIONS))
        within = owner[1:] == owner[:-1]
        lengths.append(np.asarray(np.bincount(owner[1:][within], steps[within], start.size - 1), np.float64))
        counts.append(np.bincount(owner, minlength=start.size - 1))
        vertices.append(whole)
    return _Lines(
        start=np.cumsum(np.concatenate(counts)), vertices=np.concatenate(vertices), length_m=np.concatenate(lengths)
    )


def _shrunk(graph: Graph, points: Flags) -> Graph:
    """Merge the two end nodes of edges that have shrunk to a point."""
    label = np.arange(len(graph.place))
    for one, other in np.sort(graph.ends[points], axis=1).tolist():
        if one >= 0:
            label[label == label[other]] = label[one]
    return replace(graph, ends=graph.at_ends(label, -1))


def _large(component: Ids, length_m: Floats, prob: Floats, least_m: float) -> Flags:
    """Return which edges `(edges,)` are in a component long enough not to be noise.

    Parameters
    ----------
    component, length_m, prob
        Component, length and mean probability of each edge.
    least_m
        Least length of a component; of one with low probability `FAINT_NETWORK_FACTOR` times as much.
    """
    total_m = np.bincount(component, length_m)
    mean = np.bincount(component, length_m * prob) / np.maximum(total_m, 1e-9)
    kept: Flags = total_m >= least_m * np.where(mean < FAINT_NETWORK, FAINT_NETWORK_FACTOR, 1)
    return kept[component]


def _numbered(  # noqa: PLR0917 - all attributes of the edges
    graph: Graph,
    lines: _Lines,
    summed: Samples,
    component: Ids,
    placement: Placement,
    grid: GridSettings,
) -> RoadNetwork:
    """Number nodes, edges and components, without the edges whose component is -1."""
    chosen = np.flatnonzero(component >= 0)
    sizes = np.diff(lines.start)[chosen]
    start = np.concatenate([[0], np.cumsum(sizes)])
    vertices = lines.vertices[np.arange(start[-1]) + np.repeat(lines.start[chosen] - start[:-1], sizes)]
    ends = graph.ends[chosen]
    ring = ends[:, 0] < 0
    # A ring has one node, where its line starts and ends.
    ends = np.where(ring[:, None], len(graph.place) + np.arange(chosen.size)[:, None], ends)
    used, index = np.unique(ends, return_inverse=True)
    index = index.reshape(-1, 2)
    corners = np.empty((used.size, 2), np.int32)
    corners[index[:, 0]], corners[index[:, 1]] = vertices[start[:-1]], vertices[start[1:] - 1]
    degree = np.bincount(index.ravel(), minlength=used.size)
    at_border = ((corners <= 0) | (corners >= np.array(grid.shape[::-1]) * FRACTIONS)).any(axis=1)
    _, component = np.unique(component[chosen], return_inverse=True)
    return RoadNetwork(
        edges=Edges(
            from_node=index[:, 0] + 1,
            to_node=index[:, 1] + 1,
            component_id=component + 1,
            length_m=lines.length_m[chosen],
            width_m=summed.width_m[chosen],
            width_sd_m=summed.width_sd_m[chosen],
            prob_mean=summed.prob_mean[chosen],
            prob_min=summed.prob_min[chosen],
            gap_m=graph.gap_m[chosen],
            kind=np.where(summed.plaza[chosen] > PLAZA_SHARE, 2, np.where(ring, 1, 0)).astype(np.uint8),
        ),
        nodes=Nodes(degree=degree, on_scene_edge=at_border & (degree == 1), vertices=corners),
        start=start,
        vertices=vertices,
        placement=placement,
    )
