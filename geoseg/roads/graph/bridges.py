"""Add straight edges across gaps, cut the edges they meet between nodes, and join those that cross."""

from dataclasses import dataclass, replace

import numpy as np
import shapely

from geoseg.roads.arrays import Floats, Ids
from geoseg.roads.skeleton.grid_settings import GridSettings

from .graph import Graph, pixel_centres

SNAP_PX = 2
"""Pixels beyond a node's half-width within which a bridge ends at the node."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bridges:
    """New edges, each `(bridges,)`."""

    tail: Ids
    """Start node."""
    head: Ids
    """End node; -1 at a pixel."""
    part: Ids
    at: Ids
    pixel: Ids
    """End pixel: its part, index in `Chains.code` and id; -1 at a node."""
    length_m: Floats
    gap_m: Floats
    """Length off the road."""


def add_bridges(graph: Graph, bridges: Bridges, grid: GridSettings) -> Graph:
    """Add bridges to a graph; a ring that is cut may leave a node of degree two.

    Bridges that cross meet in a node: a crossing under trees is a crossing.
    """
    head = _snap_to_nodes(graph, bridges, grid)
    open_ended = np.flatnonzero(head < 0)
    graph, head[open_ended] = _cut(
        graph, bridges.part[open_ended], bridges.at[open_ended], bridges.pixel[open_ended], grid
    )
    graph, ends, owner, share = _cross(graph, np.column_stack([bridges.tail, head]))
    return replace(
        graph,
        ends=np.concatenate([graph.ends, ends]),
        length_m=np.concatenate([graph.length_m, share * bridges.length_m[owner]]),
        gap_m=np.concatenate([graph.gap_m, share * bridges.gap_m[owner]]),
        start=np.concatenate([graph.start, np.full(owner.size, graph.start[-1])]),
    )


def _cross(graph: Graph, ends: Ids) -> tuple[Graph, Ids, Ids, Floats]:
    """Add a node where two bridges cross, given by their `ends` `(bridges, 2)`.

    Return the graph, and of each piece of a bridge its ends `(pieces, 2)`, its bridge and its share of the latter.
    """
    lines = np.asarray(shapely.linestrings(graph.place[ends]))
    one, other = shapely.STRtree(lines).query(lines, predicate="crosses")
    one, other = one[one < other], other[one < other]
    point = shapely.intersection(lines[one], lines[other])
    half_width_m = graph.half_width_m[ends].max(axis=1)
    node = len(graph.place) + np.arange(one.size)
    graph = replace(
        graph,
        place=np.concatenate([graph.place, shapely.get_coordinates(point)]),
        half_width_m=np.concatenate([graph.half_width_m, np.maximum(half_width_m[one], half_width_m[other])]),
    )
    along = [shapely.line_locate_point(lines[bridge], point, normalized=True) for bridge in (one, other)]
    every = np.arange(len(ends))
    owner = np.concatenate([every, one, other, every])
    stop = np.concatenate([ends[:, 0], node, node, ends[:, 1]])
    at = np.concatenate([np.zeros(every.size), *along, np.ones(every.size)])
    order = np.lexsort((at, owner))
    owner, stop, at = owner[order], stop[order], at[order]
    same = owner[1:] == owner[:-1]
    return graph, np.column_stack([stop[:-1], stop[1:]])[same], owner[1:][same], np.diff(at)[same]


def _snap_to_nodes(graph: Graph, bridges: Bridges, grid: GridSettings) -> Ids:
    """Return the end node of each bridge, or else a node near its end pixel; -1 if there is neither."""
    head = bridges.head.copy()
    edge = graph.edge_of(bridges.part)
    pixel = pixel_centres(bridges.pixel, grid.shape[1])
    for side in (1, 0):
        node = graph.ends[edge, side]
        apart_m = np.hypot(*grid.to_metres(graph.place[node] - pixel).T)
        near = (bridges.head < 0) & (node >= 0) & (apart_m <= graph.half_width_m[node] + SNAP_PX * grid.pixel_m)
        head[near] = node[near]
    return head


def _cut(graph: Graph, part: Ids, at: Ids, pixel: Ids, grid: GridSettings) -> tuple[Graph, Ids]:
    """Cut edges at pixels of their parts; return the graph and the new node at each pixel."""
    if not part.size:
        return graph, part
    graph = _open_rings(graph, graph.edge_of(part), grid)
    _, first, place = np.unique(np.column_stack([part, at]), axis=0, return_index=True, return_inverse=True)
    part, at, pixel = part[first], at[first], pixel[first]
    along = np.where(graph.parts.first[part] > graph.parts.last[part], -at, at)
    order = np.lexsort((along, part))
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    part, at, pixel = part[order], at[order], pixel[order]
    nodes = len(graph.place) + np.arange(part.size)
    # n cuts divide a part into n + 1; after each cut, a new edge starts.
    cuts = np.bincount(part, minlength=graph.parts.first.size)
    old = np.repeat(np.arange(cuts.size), cuts + 1)
    after_cut = np.zeros(old.size, np.bool_)
    after_cut[part + np.arange(part.size) + 1] = True
    before_cut = np.append(after_cut[1:], False)
    parts = graph.parts[old]
    parts.first[after_cut], parts.first_id[after_cut] = at, pixel
    parts.last[before_cut], parts.last_id[before_cut] = at, pixel
    starts_edge = after_cut.copy()
    moved = graph.start[:-1] + np.concatenate([[0], np.cumsum(cuts)])[graph.start[:-1]]
    empty = np.diff(graph.start) == 0
    starts_edge[moved[~empty]] = True
    start = np.append(np.flatnonzero(starts_edge), old.size)
    owner = graph.edge_of(old[start[:-1]])
    tail, head = graph.ends[owner, 0], graph.ends[owner, 1]
    tail[after_cut[start[:-1]]] = nodes
    head[before_cut[start[1:] - 1]] = nodes
    pixels = np.add.reduceat(np.abs(parts.last - parts.first) + 1, start[:-1])
    share = pixels / np.bincount(owner, pixels, len(graph.ends))[owner]
    half_width_m = graph.at_ends(graph.half_width_m, 0).max(axis=1)
    cut_edge = graph.edge_of(part)
    return Graph(
        place=np.concatenate([graph.place, pixel_centres(pixel, grid.shape[1])]),
        half_width_m=np.concatenate([graph.half_width_m, half_width_m[cut_edge]]),
        ends=np.concatenate([np.column_stack([tail, head]), graph.ends[empty]]),
        length_m=np.concatenate([graph.length_m[owner] * share, graph.length_m[empty]]),
        gap_m=np.concatenate([graph.gap_m[owner] * share, graph.gap_m[empty]]),
        start=np.concatenate([start, np.full(int(empty.sum()), start[-1])]),
        parts=parts,
    ), nodes[rank[place.ravel()]]


def _open_rings(graph: Graph, edges: Ids, grid: GridSettings) -> Graph:
    """Add a node at the start of each ring among some edges."""
    rings = np.unique(edges[graph.ends[edges, 0] < 0])
    ends = graph.ends.copy()
    ends[rings] = (len(graph.place) + np.arange(rings.size))[:, None]
    pixel = graph.parts.first_id[graph.start[rings]]
    return replace(
        graph,
        place=np.concatenate([graph.place, pixel_centres(pixel, grid.shape[1])]),
        half_width_m=np.concatenate([graph.half_width_m, np.zeros(rings.size)]),
        ends=ends,
    )
