"""Write a road network as GeoPackage, FlatGeobuf or GeoParquet, in the grid's CRS."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pyogrio
import pyproj
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from geoseg.errors import OutputError

from .network import RoadNetwork
from .styles import edge_style, node_style
from .table import EDGES, GEOMETRY, NODES, edge_batches, node_batches

COLUMN = "geom"
"""Where the geometry of a GeoPackage is."""
_DATE = "2000-01-01T00:00:00.000Z"
_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
    f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)
"""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell what a library cannot write as an OutputError; the system's own errors pass."""
    path.unlink(missing_ok=True)
    try:
        yield
    except (DataSourceError, DataLayerError, FeatureError, sqlite3.Error, pa.ArrowException) as error:
        raise OutputError(f"{path.name} cannot be written ({error}); is the disk full?") from error


def write_geopackage(network: RoadNetwork, path: Path) -> None:
    """Write layers `edges` and `nodes`, with QGIS styles that are used by default."""
    crs = network.ground.crs.to_wkt()
    # Version 1.2 is the latest that no GDAL of these years warns of.
    options = {"path": str(path), "driver": "GPKG", "crs": crs, "geometry_name": GEOMETRY, "GEOMETRY_NAME": COLUMN}
    edges = pa.RecordBatchReader.from_batches(EDGES, edge_batches(network))
    nodes = pa.RecordBatchReader.from_batches(NODES, node_batches(network))
    with writing(path), dated():
        pyogrio.write_arrow(edges, layer="edges", geometry_type="LineString", VERSION="1.2", **options)
        pyogrio.write_arrow(nodes, layer="nodes", geometry_type="Point", append=True, **options)
        embed_styles(path, {"edges": edge_style(), "nodes": node_style()})


def embed_styles(path: Path, styles: Mapping[str, str]) -> None:
    """Put the QML of layers into a GeoPackage, where QGIS looks for it."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_STYLES)
        for layer, style in styles.items():
            database.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "
                "styleName, styleQML, styleSLD, useAsDefault, description, owner, update_time) "
                "VALUES ('', '', ?, ?, ?, ?, '', 1, 'geoseg', '', ?)",
                (layer, COLUMN, layer, style, _DATE),
            )
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)",
            (_DATE,),
        )


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


@contextmanager
def dated() -> Iterator[None]:
    """Write one date in the place of today's: a file that is made again is the same file."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
