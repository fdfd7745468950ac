"""Turn the tidied graph into a network: draw and measure edges, drop those too short, number the others."""

from dataclasses import dataclass, replace

import numpy as np

from geoseg.roads.graph.chains import Chains
from geoseg.roads.graph.edge_statistics import EdgeStatistics, measure_edges
from geoseg.roads.graph.graph import Graph, dissolve, label_components
from geoseg.roads.skeleton.grid_settings import GridSettings

from .arrays import Flags, Floats, Ids
from .network import FRACTIONS, Edges, Nodes, RoadNetwork
from .placement import Placement
from .settings import FAINT_NETWORK, FAINT_NETWORK_FACTOR, PLAZA_SHARE
from .smooth_lines import draw_lines


@dataclass(frozen=True, kw_only=True, eq=False)
class _Lines:
    """Lines of all edges, as in `RoadNetwork`; no two consecutive vertices are equal."""

    start: Ids
    vertices: Ids
    length_m: Floats


def assemble_network(graph: Graph, chains: Chains, placement: Placement, grid: GridSettings) -> RoadNetwork:
    """Turn a graph without nodes of degree two into a network."""
    while True:
        statistics = measure_edges(graph, chains, grid.pixel_m)
        lines = _draw(graph, chains, statistics.width_m, placement, grid)
        dropped = ~np.isfinite(lines.length_m)  # outside the domain of the CRS
        points = lines.length_m == 0
        loops = (graph.ends[:, 0] == graph.ends[:, 1]) & (graph.ends[:, 0] >= 0)
        dropped |= points | (loops & (lines.length_m < grid.settings.min_loop_m))
        if not dropped.any():
            break
        graph = dissolve(_merge_ends(graph, points).keep(~dropped))
    component = label_components(graph)
    kept = _long_enough(component, lines.length_m, statistics.prob_mean, grid.settings.min_component_m)
    return _number(graph, lines, statistics, np.where(kept, component, -1), placement, grid)


def _draw(graph: Graph, chains: Chains, width_m: Floats, placement: Placement, grid: GridSettings) -> _Lines:
    counts: list[Ids] = [np.zeros(1, np.int64)]
    vertices: list[Ids] = [np.zeros((0, 2), np.int64)]
    lengths: list[Floats] = [np.zeros(0)]
    for points, start in draw_lines(graph, chains, width_m, grid):
        rounded = np.rint(points * FRACTIONS).astype(np.int64)
        owner = np.repeat(np.arange(start.size - 1), np.diff(start))
        distinct = np.ones(len(rounded), np.bool_)
        distinct[1:] = (rounded[1:] != rounded[:-1]).any(axis=1) | (owner[1:] != owner[:-1])
        rounded, owner = rounded[distinct], owner[distinct]
        steps = placement.step_lengths(placement.place(rounded / FRACTIONS))
        within = owner[1:] == owner[:-1]
        lengths.append(np.asarray(np.bincount(owner[1:][within], steps[within], start.size - 1), np.float64))
        counts.append(np.bincount(owner, minlength=start.size - 1))
        vertices.append(rounded)
    return _Lines(
        start=np.cumsum(np.concatenate(counts)), vertices=np.concatenate(vertices), length_m=np.concatenate(lengths)
    )


def _merge_ends(graph: Graph, points: Flags) -> Graph:
    """Merge the two end nodes of edges that have shrunk to a point."""
    label = np.arange(len(graph.place))
    for one, other in np.sort(graph.ends[points], axis=1).tolist():
        if one >= 0:
            label[label == label[other]] = label[one]
    return replace(graph, ends=graph.at_ends(label, -1))


def _long_enough(component: Ids, length_m: Floats, prob: Floats, least_m: float) -> Flags:
    """Return which edges `(edges,)` are in a component of at least `least_m`, or more if its probability is low."""
    total_m = np.bincount(component, length_m)
    mean = np.bincount(component, length_m * prob) / np.maximum(total_m, 1e-9)
    kept: Flags = total_m >= least_m * np.where(mean < FAINT_NETWORK, FAINT_NETWORK_FACTOR, 1)
    return kept[component]


def _number(  # noqa: PLR0917 - all attributes of the edges
    graph: Graph, lines: _Lines, statistics: EdgeStatistics, component: Ids, placement: Placement, grid: GridSettings
) -> RoadNetwork:
    """Number nodes, edges and components, except edges of component -1."""
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
    corners = np.empty((used.size, 2), np.int64)
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
            width_m=statistics.width_m[chosen],
            width_sd_m=statistics.width_sd_m[chosen],
            prob_mean=statistics.prob_mean[chosen],
            prob_min=statistics.prob_min[chosen],
            gap_m=graph.gap_m[chosen],
            kind=np.where(statistics.plaza[chosen] > PLAZA_SHARE, 2, np.where(ring, 1, 0)).astype(np.uint8),
        ),
        nodes=Nodes(degree=degree, on_scene_edge=at_border & (degree == 1), vertices=corners),
        start=start,
        vertices=vertices,
        placement=placement,
    )
