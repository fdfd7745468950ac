"""The road network as Arrow tables, a batch of edges at a time."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from .network import KINDS, RoadNetwork

DECIMALS = {"length_m": 2, "width_m": 2, "width_sd_m": 2, "prob_mean": 3, "prob_min": 3, "gap_m": 2}
"""Digits that are written of each quantity: centimetres, and thousandths of a probability."""

GEOMETRY = "geometry"

_WKB = {b"ARROW:extension:name": b"geoarrow.wkb"}

EDGES = pa.schema(
    [
        *(pa.field(name, pa.int64()) for name in ("id", "from_node", "to_node", "component_id")),
        *(pa.field(name, pa.float64()) for name in DECIMALS),
        pa.field("kind", pa.string()),
        pa.field(GEOMETRY, pa.binary(), metadata=_WKB),
    ]
)
NODES = pa.schema(
    [
        pa.field("node_id", pa.int64()),
        pa.field("degree", pa.int64()),
        pa.field("on_scene_edge", pa.bool_()),
        pa.field(GEOMETRY, pa.binary(), metadata=_WKB),
    ]
)


def attributes(network: RoadNetwork, edges: slice) -> dict[str, list[object]]:
    """Return the attributes of some edges by name, as they are written; None where there is no width."""
    columns: dict[str, list[object]] = {"id": list(range(edges.start + 1, edges.stop + 1))}
    for name in ("from_node", "to_node", "component_id"):
        columns[name] = getattr(network.edges, name)[edges].tolist()
    for name, decimals in DECIMALS.items():
        values: npt.NDArray[np.float64] = getattr(network.edges, name)[edges]
        rounded = np.round(values, decimals)
        columns[name] = [None if value != value else value for value in rounded.tolist()]  # noqa: PLR0124 - NaN
    columns["kind"] = [KINDS[kind] for kind in network.edges.kind[edges].tolist()]
    return columns


def edge_batches(network: RoadNetwork) -> Iterator[pa.RecordBatch]:
    """Yield the edges in the grid's CRS, under the schema `EDGES`."""
    for edges in network.batches():
        points, start = network.lines(edges)
        lines = shapely.linestrings(points, indices=np.repeat(np.arange(start.size - 1), np.diff(start)))
        columns = {**attributes(network, edges), GEOMETRY: shapely.to_wkb(lines)}
        yield pa.RecordBatch.from_pydict(columns, schema=EDGES)


def node_batches(network: RoadNetwork, size: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Yield the nodes in the grid's CRS, under the schema `NODES`."""
    count = len(network.nodes.degree)
    for first in range(0, count, size):
        some = slice(first, min(first + size, count))
        columns = {
            "node_id": np.arange(some.start + 1, some.stop + 1),
            "degree": network.nodes.degree[some],
            "on_scene_edge": network.nodes.on_scene_edge[some],
            GEOMETRY: shapely.to_wkb(shapely.points(network.node_points(some))),
        }
        yield pa.RecordBatch.from_pydict(columns, schema=NODES)
