"""The road graph: nodes, edges, and the runs of skeleton pixels that form an edge."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled_as
from geoseg.roads.arrays import Bytes, Flags, Floats, Ids, Points
from geoseg.roads.skeleton.distance import UNIT_M
from geoseg.roads.skeleton.grid_settings import GridSettings
from geoseg.roads.skeleton.neighbours import COLUMN_STEP, ROW_STEP

from .chains import Chains

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """Directed runs of pixels within chains."""

    first: Ids
    last: Ids
    """Indices of the first and last pixel in `Chains.code`; `first` is larger in a run against its chain."""
    first_id: Ids
    last_id: Ids
    """Ids of these pixels."""

    def __getitem__(self, index: Ids) -> "Parts":
        return Parts(**{name: values[index] for name, values in vars(self).items()})

    def turned(self, against: Flags) -> "Parts":
        """Reverse some of the parts."""
        return Parts(
            first=np.where(against, self.last, self.first),
            last=np.where(against, self.first, self.last),
            first_id=np.where(against, self.last_id, self.first_id),
            last_id=np.where(against, self.first_id, self.last_id),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """Nodes and edges; nodes without edges do not count."""

    place: Points
    """Column and row of each node `(nodes, 2)`; integers are pixel corners."""
    half_width_m: Floats
    """Half-width of the road at each node."""
    ends: Ids
    """Start and end node of each edge `(edges, 2)`; both -1 for a ring."""
    length_m: Floats
    """Length of each edge along its pixels."""
    gap_m: Floats
    """Length of each edge across gaps."""
    start: Ids
    """Offsets of the edges in `parts`, `(edges + 1,)`; an edge without parts is a straight line."""
    parts: Parts
    """In the order and direction of the edges."""

    @property
    def degree(self) -> Ids:
        """Edges at each node `(nodes,)`; a loop counts twice."""
        ends = self.ends[self.ends >= 0]
        return np.bincount(ends, minlength=len(self.place))

    def at_ends(self, values: npt.NDArray[Scalar], ring: float) -> npt.NDArray[Scalar]:
        """Return values of nodes `(nodes,)` at both ends of each edge `(edges, 2)`; `ring` for rings."""
        return np.append(values, np.asarray([ring], values.dtype))[self.ends]

    def edge_of(self, parts: Ids) -> Ids:
        """Return the edge of each part."""
        return np.searchsorted(self.start, parts, side="right") - 1

    def keep(self, kept: Flags) -> "Graph":
        """Drop all other edges."""
        edges = np.flatnonzero(kept)
        start, index = _parts_of(self, edges)
        return replace(
            self,
            ends=self.ends[edges],
            length_m=self.length_m[edges],
            gap_m=self.gap_m[edges],
            start=start,
            parts=self.parts[index],
        )


def build_graph(chains: Chains, grid: GridSettings) -> Graph:
    """Turn each chain into an edge."""
    ends = np.full((chains.ring.size, 2), -1, np.int64)
    nodes, index = np.unique(chains.ends[~chains.ring], return_inverse=True)
    ends[~chains.ring] = index.reshape(-1, 2)
    distance = np.zeros(nodes.size, np.uint16)
    distance[ends[~chains.ring]] = chains.half_width[~chains.ring]
    first, last = chains.start[:-1], chains.start[1:] - 1
    steps_m = np.hypot(*(grid.metric @ np.stack([COLUMN_STEP, ROW_STEP])))
    return Graph(
        place=pixel_centres(nodes, grid.shape[1]),
        # The distance is to the centre of a background pixel: half a pixel too far.
        half_width_m=np.asarray(distance * UNIT_M - grid.pixel_m / 2, np.float64),
        ends=ends,
        length_m=_lengths(chains.start, chains.code, steps_m),
        gap_m=np.zeros(chains.ring.size),
        start=np.arange(chains.ring.size + 1),
        parts=Parts(first=first, last=last, first_id=chains.ends[:, 0], last_id=chains.ends[:, 1]),
    )


def pixel_centres(pixels: Ids, columns: int) -> Points:
    """Convert the ids of pixels to their centres."""
    return np.column_stack([pixels % columns, pixels // columns]).astype(np.float64) + np.float64(0.5)


def _lengths(start: Ids, code: Bytes, steps: Floats) -> Floats:
    result = np.zeros(start.size - 1)
    if result.size:
        direction = code & 7
        direction[start[1:] - 1] = 8  # the last pixel of a chain leads nowhere
        for side in range(8):
            result += np.add.reduceat(direction == side, start[:-1], dtype=np.int64) * steps[side]
    return result


def _parts_of(graph: Graph, edges: Ids) -> tuple[Ids, Ids]:
    """Return the indices of the parts of some edges, after their offsets by edge."""
    sizes = np.diff(graph.start)[edges]
    start = np.concatenate([[0], np.cumsum(sizes)])
    return start, np.arange(start[-1]) + np.repeat(graph.start[edges] - start[:-1], sizes)


def dissolve(graph: Graph) -> Graph:
    """Join the two edges at each node of degree two; an edge joined to itself becomes a ring."""
    run_start, order, against, ends = _runs(graph.ends, graph.degree)
    # Parts in the order and direction of their run.
    start, index = _parts_of(graph, order)
    owner = np.repeat(np.arange(order.size), np.diff(start))
    flipped = against[owner]
    within = np.arange(owner.size) - start[owner]
    index = index[np.where(flipped, start[owner + 1] - 1 - within, np.arange(owner.size))]
    return replace(
        graph,
        ends=ends,
        length_m=_sums(graph.length_m[order], run_start),
        gap_m=_sums(graph.gap_m[order], run_start),
        start=start[run_start],
        parts=graph.parts[index].turned(flipped),
    )


def _sums(values: Floats, start: Ids) -> Floats:
    if start.size == 1:
        return np.zeros(0)
    sums: Floats = np.add.reduceat(values, start[:-1])
    return sums


def _runs(ends: Ids, degree: Ids) -> tuple[Ids, Ids, Flags, Ids]:
    """Return the runs of edges between other nodes: offsets, edges, whether an edge is reversed, and end nodes."""
    edges = len(ends)
    incident = np.full(2 * degree.size, -1, np.int64)
    seen, against = np.zeros(edges, np.bool_), np.empty(edges, np.bool_)
    start, order = np.empty(edges + 1, np.int64), np.empty(edges, np.int64)
    run_ends = np.full((edges, 2), -1, np.int64)
    count = _join(ends.ravel(), degree, incident, seen, start, order, against, run_ends)
    filled = start[count]
    return start[: count + 1], order[:filled], against[:filled], run_ends[:count]


@compiled_as("(int64[::1], int64[::1], int64[::1], boolean[::1], int64[::1], int64[::1], boolean[::1], int64[:,::1])")
def _join(  # noqa: PLR0917 - compiled: plain arguments
    ends: Ids, degree: Ids, incident: Ids, seen: Flags, start: Ids, order: Ids, against: Flags, run_ends: Ids
) -> int:
    """Write the runs, and return how many they are; `incident` are two ends at each node of degree two."""
    for end in range(ends.size):
        node = ends[end]
        if node >= 0 and degree[node] == 2:
            incident[2 * node + 1 if incident[2 * node] >= 0 else 2 * node] = end
    count = filled = 0
    for phase in range(2):
        for head in range(ends.size):
            node = ends[head]
            if seen[head // 2] or (phase == 0 and node >= 0 and degree[node] == 2):
                continue
            start[count] = filled
            if phase == 0:
                run_ends[count, 0] = node
            end = head
            while True:
                seen[end // 2] = True
                order[filled] = end // 2
                against[filled] = end % 2 == 1
                filled += 1
                far = ends[end ^ 1]
                if far < 0:
                    break
                if degree[far] != 2:
                    run_ends[count, 1] = far
                    break
                end = incident[2 * far] if incident[2 * far] != end ^ 1 else incident[2 * far + 1]
                if seen[end // 2]:
                    break
            count += 1
    start[count] = filled
    return count


def label_components(graph: Graph) -> Ids:
    """Number the connected component of each edge `(edges,)`, in the order of the edges."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

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
