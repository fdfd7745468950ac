"""Write layers with GDAL: FlatGeobuf, and GeoPackages with the styles of QGIS."""

import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS

from geoseg.messages import warn
from geoseg.write_errors import refused

from .gdal_path import as_is
from .layers import GEOMETRY, Layer

_VERSION = "1.2"
"""GeoPackage version: the latest that current GDALs read without a warning."""

_COLUMN = "geom"
"""Geometry column in a GeoPackage."""

_SCALE = '"Scale factor at natural origin"'

_SQL = re.compile(r"sqlite3_\w+\(.*\) failed: ", re.DOTALL)
"""SQL calls quoted in GDAL's messages."""

_DATE = "2000-01-01T00:00:00.000Z"
_OPTIONS = {"OGR_CURRENT_DATE": _DATE, "OGR_SQLITE_JOURNAL": "DELETE", "OGR_SQLITE_PRAGMA": ""}
"""GDAL's options while a GeoPackage is written: a fixed date instead of today's, and a single file with the same bytes,
whatever the environment says."""
_WRITTEN_BY = 96
"""Offset in a SQLite file of the 4 bytes that hold the version of the SQLite that wrote it last: Python's, which may
differ between the machines of a cluster."""
_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
    f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)
"""


def write_flatgeobuf(layer: Layer, path: Path, name: str) -> None:
    """Write a layer under a name."""
    with _system_errors(path):
        _write(layer, path, name, driver="FlatGeobuf")


def write_geopackage(layers: Sequence[Layer], path: Path) -> None:
    """Write layers and their styles."""
    with _system_errors(path), _dated():
        for number, layer in enumerate(layers):
            options = {"append": number > 0, "VERSION": _VERSION, "GEOMETRY_NAME": _COLUMN}
            _write(layer, path, layer.name, driver="GPKG", **options)
        with closing(sqlite3.connect(path)) as database, database:
            _check_index(database, path.name)
            _embed_styles(database, layers)
    with path.open("r+b") as file:
        file.seek(_WRITTEN_BY)
        file.write(bytes(4))


_DATING = threading.Lock()
"""GDAL's date is set for the whole process: of two writers, the first to end would reset it for the other."""


@contextmanager
def _dated() -> Iterator[None]:
    """Let GDAL write with `_OPTIONS`."""
    with _DATING:
        before = {name: _own_option(name) for name in _OPTIONS}
        pyogrio.set_gdal_config_options(_OPTIONS)
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options(before)


def _own_option(name: str) -> object:
    """Return an option set in the process; None if GDAL has it from the environment, or not at all."""
    found = pyogrio.get_gdal_config_option(name)
    return None if found == os.environ.get(name) else found


def _check_index(database: sqlite3.Connection, name: str) -> None:
    """Warn about a GeoPackage without a spatial index, which GDAL may omit silently."""
    if database.execute("SELECT 1 FROM sqlite_master WHERE name GLOB 'rtree_*'").fetchone() is None:
        warn(
            f"{name} has no spatial index: another library's SQLite, probably that of TensorFlow, stands in for "
            "GDAL's in this process; import geoseg before TensorFlow.",
        )


def _embed_styles(database: sqlite3.Connection, layers: Sequence[Layer]) -> None:
    """Store the QML of layers in a GeoPackage as QGIS's default styles."""
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


@contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    """Raise write errors of GDAL, Arrow and SQLite as an OSError, without SQL in its text."""
    try:
        yield
    except (DataSourceError, DataLayerError, pa.ArrowException, sqlite3.Error) as error:
        raise refused(path, error, _SQL.sub("", str(error))) from error


def _write(layer: Layer, path: Path, name: str, **options: object) -> None:
    with as_is(path) as plain:
        pyogrio.write_arrow(
            layer.reader(),
            str(plain),
            layer=name,
            geometry_type=layer.geometry_type,
            geometry_name=GEOMETRY.name,
            crs=_to_wkt(layer.crs),
            **options,
        )


def _to_wkt(crs: CRS) -> str:
    """Return the WKT of a CRS, changed if GDAL would mistake it for a UTM zone of the EPSG.

    GDAL compares neither unit nor prime meridian: it would give UTM in feet, or not from Greenwich, the EPSG code of
    UTM in metres. A scale factor larger by 1e-15, which moves nothing by a millionth of a metre, prevents this, also
    when the file is read with pyogrio.
    """
    text = crs.to_wkt()
    meridian = 0 if crs.prime_meridian is None else crs.prime_meridian.longitude
    own = "id" not in crs.to_json_dict() and (meridian or crs.axis_info[0].unit_conversion_factor != 1)
    if crs.is_projected and own:
        return text.replace(f"{_SCALE},0.9996,", f"{_SCALE},0.999600000000001,")
    return text
