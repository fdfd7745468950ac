"""A road network: lines of the edges, and attributes of edges and nodes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shapely

from geoseg.errors import UsageError
from geoseg.vectors.layers import GEOMETRY, Layer
from geoseg.vectors.qgis import edge_style, node_style

from .arrays import Bytes, Flags, Floats, Ids, Points
from .placement import Placement

if TYPE_CHECKING:
    import geopandas
    import networkx

KINDS = ("road", "ring", "plaza")
"""Kinds of edges: a road between nodes, a closed road without junctions, a road around an open space."""
FRACTIONS = 1024
"""Units of vertices in a pixel."""


@dataclass(frozen=True, kw_only=True)
class RoadTotals:
    """Size of a road network."""

    count: int
    """Number of edges."""
    length_km: float
    """Geodesic length."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Edges:
    """Attributes of edges, each `(edges,)`."""

    from_node: Ids
    to_node: Ids
    """Node ids, from 1."""
    component_id: Ids
    """Connected component, from 1."""
    length_m: Floats
    """Geodesic length."""
    width_m: Floats
    width_sd_m: Floats
    """Mean and standard deviation along the edge; NaN if no width could be measured."""
    prob_mean: Floats
    prob_min: Floats
    """Road probability along the observed part of the edge, 0 to 1."""
    gap_m: Floats
    """Length inferred across gaps."""
    kind: Bytes
    """Index into `KINDS`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Nodes:
    """Attributes of nodes, each `(nodes,)`."""

    degree: Ids
    """Number of edge ends; a loop counts twice."""
    on_scene_edge: Flags
    """Whether a road leaves the scene at the node."""
    vertices: Ids
    """Column and row `(nodes, 2)`, in the unit of `RoadNetwork.vertices`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RoadNetwork:
    """Centrelines and their attributes; the id of an edge or node is its index + 1."""

    edges: Edges
    nodes: Nodes
    start: Ids
    """Offsets of the edges in `vertices`, `(edges + 1,)`."""
    vertices: Ids
    """Column and row of each vertex `(vertices, 2)`, integers in 1024ths of a pixel from the grid's corner; fine
    pixels are averaged before (`Tracing.factor`)."""
    placement: Placement
    files: tuple[Path, ...] = ()
    """Files written: one for each format, and the QGIS style."""

    def __len__(self) -> int:
        """Count the edges."""
        return len(self.start) - 1

    @property
    def length_km(self) -> float:
        """Geodesic length of all edges, kilometres."""
        return float(self.edges.length_m.sum()) / 1000

    def lines(self, edges: slice) -> tuple[Points, Ids]:
        """Return the vertices of edges in the grid's CRS `(vertices, 2)`, and the offsets of their lines."""
        start = self.start[edges.start : edges.stop + 1]
        return self.placement.place(self.vertices[start[0] : start[-1]] / FRACTIONS), start - start[0]

    def line(self, edge: int) -> Points:
        """Return the vertices of an edge in the grid's CRS `(vertices, 2)`."""
        return self.lines(slice(edge, edge + 1))[0]

    def node_points(self, nodes: slice = slice(None)) -> Points:
        """Return nodes in the grid's CRS `(nodes, 2)`."""
        return self.placement.place(self.nodes.vertices[nodes] / FRACTIONS)

    def to_geodataframe(self) -> "geopandas.GeoDataFrame":
        """Return the edges in the grid's CRS, with the columns of a GeoPackage."""
        return self.layers()[0].to_geodataframe()

    def to_networkx(self) -> "networkx.MultiGraph":
        """Return a graph in the grid's CRS, which is its attribute `crs`.

        Nodes have the attributes `x`, `y`, `degree` and `on_scene_edge`, edges the columns of `to_geodataframe`. Keys
        are the ids of nodes and edges.

        Raises
        ------
        UsageError
            If networkx is not installed.
        """
        try:
            import networkx
        except ModuleNotFoundError as error:
            raise UsageError("a graph needs networkx; install it with `pip install networkx`.") from error
        graph = networkx.MultiGraph(crs=self.placement.crs)
        names = ("x", "y", "degree", "on_scene_edge")
        columns = (*self.node_points().T.tolist(), self.nodes.degree.tolist(), self.nodes.on_scene_edge.tolist())
        for node, values in enumerate(zip(*columns, strict=True), 1):
            graph.add_node(node, **dict(zip(names, values, strict=True)))
        for edge in self.to_geodataframe().to_dict("records"):
            graph.add_edge(edge["from_node"], edge["to_node"], key=edge["id"], **edge)
        return graph

    def layers(self) -> tuple[Layer, Layer]:
        """Return the layers `edges` and `nodes` in the grid's CRS."""
        crs = self.placement.crs
        edges = Layer(
            name="edges",
            schema=EDGES,
            batches=partial(_edge_batches, self),
            geometry_type="LineString",
            crs=crs,
            style=edge_style(),
            longest=self.placement.longest(*self.vertices[0] / FRACTIONS) if len(self) else math.inf,
        )
        nodes = partial(_node_batches, self)
        return edges, Layer(
            name="nodes", schema=NODES, batches=nodes, geometry_type="Point", crs=crs, style=node_style()
        )


DECIMALS = {"length_m": 2, "width_m": 2, "width_sd_m": 2, "prob_mean": 3, "prob_min": 3, "gap_m": 2}
"""Decimals written: centimetres, and thousandths of a probability."""
EDGES = pa.schema(
    [
        *((name, pa.int64()) for name in ("id", "from_node", "to_node", "component_id")),
        *((name, pa.float64()) for name in DECIMALS),
        ("kind", pa.string()),
        GEOMETRY,
    ]
)
NODES = pa.schema([("node_id", pa.int64()), ("degree", pa.int64()), ("on_scene_edge", pa.bool_()), GEOMETRY])


def _edge_columns(network: RoadNetwork, edges: slice) -> dict[str, list[object]]:
    """Return the attributes of edges as written; None for an unknown width."""
    columns: dict[str, list[object]] = {"id": list(range(edges.start + 1, edges.stop + 1))}
    for name in ("from_node", "to_node", "component_id"):
        columns[name] = getattr(network.edges, name)[edges].tolist()
    for name, decimals in DECIMALS.items():
        rounded = np.round(getattr(network.edges, name)[edges], decimals)
        columns[name] = [None if math.isnan(value) else value for value in rounded.tolist()]
    columns["kind"] = [KINDS[kind] for kind in network.edges.kind[edges].tolist()]
    return columns


def _slices(count: int, size: int) -> Iterator[slice]:
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))


def _edge_batches(network: RoadNetwork) -> Iterator[pa.RecordBatch]:
    for edges in _slices(len(network), 16_384):
        points, start = network.lines(edges)
        lines = shapely.linestrings(points, indices=np.repeat(np.arange(start.size - 1), np.diff(start)))
        columns = {**_edge_columns(network, edges), GEOMETRY.name: shapely.to_wkb(lines)}
        yield pa.RecordBatch.from_pydict(columns, schema=EDGES)


def _node_batches(network: RoadNetwork) -> Iterator[pa.RecordBatch]:
    for nodes in _slices(len(network.nodes.degree), 65_536):
        columns = {
            "node_id": np.arange(nodes.start + 1, nodes.stop + 1),
            "degree": network.nodes.degree[nodes],
            "on_scene_edge": network.nodes.on_scene_edge[nodes],
            GEOMETRY.name: shapely.to_wkb(shapely.points(network.node_points(nodes))),
        }
        yield pa.RecordBatch.from_pydict(columns, schema=NODES)
