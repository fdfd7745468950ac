"""Write a layer as GeoParquet."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from geoseg.write_errors import refused

from .layers import GEOMETRY, Layer


def write_geoparquet(layer: Layer, path: Path) -> None:
    """Write GeoParquet 1.1 with a row group for each batch; an OSError reports what Arrow cannot write."""
    column = {"encoding": "WKB", "geometry_types": [layer.geometry_type], "crs": layer.crs.to_json_dict()}
    if layer.geometry_type == "Polygon":
        column["orientation"] = "counterclockwise"
    geo = {"version": "1.1.0", "primary_column": GEOMETRY.name, "columns": {GEOMETRY.name: column}}
    schema = pa.schema([field.remove_metadata() for field in layer.schema], metadata={"geo": json.dumps(geo)})
    try:
        with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in layer.batches():
                writer.write_batch(pa.record_batch(batch.columns, schema=schema))
    except (OSError, pa.ArrowException) as error:
        raise refused(path, error, str(error)) from error
