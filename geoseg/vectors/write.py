"""Write layers as GeoJSON, GeoPackage, FlatGeobuf or GeoParquet."""

import errno
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from geoseg.files import discard

from .geojson import write_geojson
from .layers import GEOMETRY, Layer
from .targets import Targets

_VERSION = "1.2"
"""GeoPackage version: the latest that current GDALs read without a warning."""

_COLUMN = "geom"
"""Geometry column in a GeoPackage."""

_DATE = "2000-01-01T00:00:00.000Z"
_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
    f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)
"""


def write_files(layers: Sequence[Layer], wanted: Targets, folder: Path) -> None:
    """Write all files of a run to a work folder; the style is the first layer's."""
    if wanted.style is not None:
        (folder / wanted.style.name).write_text(layers[0].style, encoding="utf-8")
    for file_format, path in wanted.by_format.items():
        write_layers(layers, folder / path.name, file_format)


def write_layers(layers: Sequence[Layer], path: Path, file_format: str) -> None:
    """Write layers to a file, batch by batch; an existing file is replaced.

    A GeoPackage holds all layers and their styles, the other formats only the first layer. GeoJSON is in longitude and
    latitude (RFC 7946), the others in the layer's CRS. The bytes do not depend on the date. An OSError with a
    `strerror` reports what cannot be written.
    """
    with _replacing(path):
        if file_format == "gpkg":
            _write_geopackage(layers, path)
        elif file_format == "flatgeobuf":
            # A single layer is named after its file.
            _write_with_gdal(layers[0], path, layers[0].name if len(layers) > 1 else path.stem, driver="FlatGeobuf")
        elif file_format == "parquet":
            _write_geoparquet(layers[0], path)
        else:
            write_geojson(layers[0], path)


@contextmanager
def _replacing(path: Path) -> Iterator[None]:
    """Remove an existing file, and raise errors of the writing libraries as an OSError."""
    import sqlite3  # late: TensorFlow brings a SQLite of its own, whose version a GeoPackage then holds

    discard(path)
    try:
        yield
    except (DataSourceError, DataLayerError, pa.ArrowException, sqlite3.Error) as error:
        raise OSError(errno.EIO, f"{error}; is the disk full?") from error


def _write_with_gdal(layer: Layer, path: Path, name: str, **options: object) -> None:
    pyogrio.write_arrow(
        layer.reader(),
        str(path),
        layer=name,
        geometry_type=layer.geometry_type,
        geometry_name=GEOMETRY.name,
        crs=layer.crs.to_wkt(),
        **options,
    )


def _write_geopackage(layers: Sequence[Layer], path: Path) -> None:
    with _dated():
        for number, layer in enumerate(layers):
            options = {"append": number > 0, "VERSION": _VERSION, "GEOMETRY_NAME": _COLUMN}
            _write_with_gdal(layer, path, layer.name, driver="GPKG", **options)
        _embed_styles(layers, path)


@contextmanager
def _dated() -> Iterator[None]:
    """Let GDAL write a fixed date instead of today's."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _embed_styles(layers: Sequence[Layer], path: Path) -> None:
    """Store the QML of layers in a GeoPackage as QGIS's default styles."""
    import sqlite3

    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_STYLES)
        for layer in layers:
            database.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "
                "styleName, styleQML, styleSLD, useAsDefault, description, owner, update_time) "
                "VALUES ('', '', ?, ?, ?, ?, '', 1, 'geoseg', '', ?)",
                (layer.name, _COLUMN, layer.name, layer.style, _DATE),
            )
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)",
            (_DATE,),
        )


def _write_geoparquet(layer: Layer, path: Path) -> None:
    """Write GeoParquet 1.1 with a row group for each batch."""
    column = {"encoding": "WKB", "geometry_types": [layer.geometry_type], "crs": layer.crs.to_json_dict()}
    if layer.geometry_type == "Polygon":
        column["orientation"] = "counterclockwise"
    geo = {"version": "1.1.0", "primary_column": GEOMETRY.name, "columns": {GEOMETRY.name: column}}
    schema = pa.schema([field.remove_metadata() for field in layer.schema], metadata={"geo": json.dumps(geo)})
    with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in layer.batches():
            writer.write_batch(pa.record_batch(batch.columns, schema=schema))
