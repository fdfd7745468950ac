"""Write polygons in each of the formats that are asked for."""

from pathlib import Path

import pyarrow as pa
import pyogrio
from pyproj import CRS

from geoseg.vectors.targets import Targets, writing

from .geojson import write_geojson
from .geopackage import write_geopackage
from .geoparquet import write_geoparquet
from .table import reading


def write(wanted: Targets, table: Path, style: str, *, crs: CRS, longest: float) -> None:
    """Write all files of a run beside a table in the work folder.

    Parameters
    ----------
    wanted
        The files.
    table
        Polygons in `crs`.
    style
        QML of the layer.
    crs
        CRS of the polygons.
    longest
        As for `write_geojson`.
    """
    folder = table.parent
    if wanted.style is not None:
        (folder / wanted.style.name).write_text(style, encoding="utf-8")
    for name, path in wanted.by_format.items():
        with writing(folder / path.name), reading(table) as polygons:
            if name == "geojson":
                write_geojson(polygons, folder / path.name, crs, longest)
            elif name == "gpkg":
                write_geopackage(polygons, folder / path.name, crs.to_wkt(), style)
            elif name == "parquet":
                write_geoparquet(polygons, folder / path.name, crs)
            else:
                _write_flatgeobuf(polygons, folder / path.name, crs)


def _write_flatgeobuf(table: pa.RecordBatchReader, path: Path, crs: CRS) -> None:
    pyogrio.write_arrow(
        table, path, driver="FlatGeobuf", geometry_name="geometry", geometry_type="Polygon", crs=crs.to_wkt()
    )
