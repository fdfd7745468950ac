"""Write a road network as GeoPackage, FlatGeobuf or GeoParquet, in the grid's CRS."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pyogrio
import pyproj

from geoseg.vectors.geopackage import COLUMN, VERSION, dated, embed_styles
from geoseg.vectors.targets import writing

from .network import EDGES, GEOMETRY, NODES, RoadNetwork, edge_batches, node_batches
from .styles import edge_style, node_style


def write_geopackage(network: RoadNetwork, path: Path) -> None:
    """Write layers `edges` and `nodes`, with QGIS styles that are used by default."""
    crs = network.ground.crs.to_wkt()
    names = {"geometry_name": GEOMETRY, "GEOMETRY_NAME": COLUMN}
    options = {"path": str(path), "driver": "GPKG", "crs": crs, "VERSION": VERSION, **names}
    edges = pa.RecordBatchReader.from_batches(EDGES, edge_batches(network))
    nodes = pa.RecordBatchReader.from_batches(NODES, node_batches(network))
    with writing(path), dated():
        pyogrio.write_arrow(edges, layer="edges", geometry_type="LineString", **options)
        pyogrio.write_arrow(nodes, layer="nodes", geometry_type="Point", append=True, **options)
        embed_styles(path, {"edges": edge_style(), "nodes": node_style()})


def write_flatgeobuf(network: RoadNetwork, path: Path) -> None:
    """Write the edges, with a spatial index."""
    edges = pa.RecordBatchReader.from_batches(EDGES, edge_batches(network))
    crs = network.ground.crs.to_wkt()
    with writing(path):
        pyogrio.write_arrow(
            edges,
            str(path),
            layer="edges",
            driver="FlatGeobuf",
            geometry_type="LineString",
            geometry_name=GEOMETRY,
            crs=crs,
        )


def write_geoparquet(network: RoadNetwork, path: Path) -> None:
    """Write the edges as GeoParquet 1.1, a row group for each batch."""
    column = {"encoding": "WKB", "geometry_types": ["LineString"], "crs": _projjson(network.ground.crs)}
    geo = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
    plain = EDGES.set(EDGES.get_field_index(GEOMETRY), pa.field(GEOMETRY, pa.binary()))
    schema = plain.with_metadata({"geo": json.dumps(geo)})
    with writing(path), pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in edge_batches(network):
            writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))


def _projjson(crs: pyproj.CRS) -> object:
    return crs.to_json_dict()
