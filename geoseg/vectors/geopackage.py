"""What all our GeoPackages have: a version that every GDAL in use reads, styles inside, and no date of today."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pyogrio

VERSION = "1.2"
"""The latest that no GDAL of these years warns of."""

COLUMN = "geom"
"""Where the geometry is."""

_DATE = "2000-01-01T00:00:00.000Z"
_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
    f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)
"""


@contextmanager
def dated() -> Iterator[None]:
    """Write one date in the place of today's: a file that is made again is the same file."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def embed_styles(path: Path, styles: Mapping[str, str]) -> None:
    """Put the QML of layers into a GeoPackage, where QGIS looks for it and uses it by default."""
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
