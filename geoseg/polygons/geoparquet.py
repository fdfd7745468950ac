"""Write polygons as GeoParquet."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
from pyproj import CRS


def write_geoparquet(table: pa.RecordBatchReader, path: Path, crs: CRS) -> None:
    """Write polygons batch by batch, with their CRS, as GeoParquet 1.1 says it.

    Parameters
    ----------
    table
        Polygons in `crs`.
    path
        File to write.
    crs
        CRS of the polygons.
    """
    column = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "crs": crs.to_json_dict(),
        "orientation": "counterclockwise",
    }
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    schema = pa.schema([field.remove_metadata() for field in table.schema], metadata={"geo": json.dumps(geo)})
    with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in table:
            writer.write_batch(pa.record_batch(batch.columns, schema=schema))
