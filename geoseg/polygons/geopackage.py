"""Write polygons as a GeoPackage that carries its own QGIS style."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyogrio

LAYER = "polygons"

_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
    styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30),
    ui TEXT(30), update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
"""
_DATE = "2000-01-01T00:00:00.000Z"
"""Date that is written in the place of today's: two runs of one job write the same bytes."""


def write_geopackage(table: pa.RecordBatchReader, path: Path, crs: str, style: str) -> None:
    """Write the layer `polygons` batch by batch, and its style where QGIS looks for it.

    Parameters
    ----------
    table
        Polygons in `crs`.
    path
        File to write.
    crs
        CRS of the polygons, as well-known text.
    style
        QML of the layer.
    """
    pyogrio.write_arrow(
        table,
        path,
        layer=LAYER,
        driver="GPKG",
        geometry_name="geometry",
        geometry_type="Polygon",
        crs=crs,
        dataset_options={"VERSION": "1.3"},  # QGIS 3.22 warns of later ones
    )
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_STYLES)
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName,"
            " styleQML, styleSLD, useAsDefault, description, owner, update_time)"
            " SELECT '', '', table_name, column_name, ?, ?, '', 1, '', '', ? FROM gpkg_geometry_columns",
            (LAYER, style, _DATE),
        )
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change)"
            " VALUES ('layer_styles', 'attributes', 'layer_styles', ?)",
            (_DATE,),
        )
        database.execute("UPDATE gpkg_contents SET last_change = ?", (_DATE,))
