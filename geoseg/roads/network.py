"""A traced road network: columns of edges and nodes, and the lines of the edges."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .ground import Ground

Ids = npt.NDArray[np.int64]
Metres = npt.NDArray[np.float64]
Points = npt.NDArray[np.float64]

KINDS = ("road", "ring", "plaza")
"""What an edge is: a road from node to node; a closed way without junctions; the way around an open place."""

FRACTIONS = 1024
"""Vertices are kept as whole numbers of this share of a pixel."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Edges:
    """Attributes of the edges, each `(edges,)`."""

    from_node: Ids
    to_node: Ids
    """Ids of the nodes at either end, from 1."""
    component_id: Ids
    """Number of the connected network, from 1."""
    length_m: Metres
    """Geodesic length of the line."""
    width_m: Metres
    width_sd_m: Metres
    """Mean and standard deviation along the edge; NaN where no width could be measured."""
    prob_mean: Metres
    prob_min: Metres
    """Road probability along the edge where it was seen, 0 to 1."""
    gap_m: Metres
    """How much of the length was inferred across gaps."""
    kind: npt.NDArray[np.uint8]
    """Index into `KINDS`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Nodes:
    """Attributes of the nodes, each `(nodes,)`."""

    degree: Ids
    """Edges that end here; one that leads back counts twice."""
    on_scene_edge: npt.NDArray[np.bool_]
    """Whether a road leaves the scene here."""
    vertices: npt.NDArray[np.int32]
    """Place `(nodes, 2)` as `RoadNetwork.vertices`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RoadNetwork:
    """Centrelines with their attributes; the id of an edge or node is its index and 1."""

    edges: Edges
    nodes: Nodes
    start: Ids
    """Index of each edge's first vertex, and the number of vertices, `(edges + 1,)`."""
    vertices: npt.NDArray[np.int32]
    """Column and row of each vertex `(vertices, 2)`, whole numbers of pixels / 1024 from the grid's corner."""
    ground: Ground
    """Where the grid lies."""

    def __len__(self) -> int:
        """Count the edges."""
        return len(self.start) - 1

    @property
    def length_km(self) -> float:
        """Geodesic length of all edges, kilometres."""
        return float(self.edges.length_m.sum()) / 1000

    def batches(self, size: int = 16_384) -> Iterator[slice]:
        """Yield slices that cover all edges."""
        for first in range(0, len(self), size):
            yield slice(first, min(first + size, len(self)))

    def lines(self, edges: slice) -> tuple[Points, Ids]:
        """Return the vertices of some edges in the grid's CRS, `(vertices, 2)`, and where each line starts and ends."""
        start = self.start[edges.start : edges.stop + 1]
        return self.ground.place(self.vertices[start[0] : start[-1]] / FRACTIONS), start - start[0]

    def line(self, edge: int) -> Points:
        """Return the vertices of one edge in the grid's CRS, `(vertices, 2)`."""
        return self.lines(slice(edge, edge + 1))[0]

    def node_points(self, nodes: slice = slice(None)) -> Points:
        """Return nodes in the grid's CRS, `(nodes, 2)`."""
        return self.ground.place(self.nodes.vertices[nodes] / FRACTIONS)
