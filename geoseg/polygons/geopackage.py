"""Write polygons as a GeoPackage that carries its own QGIS style."""

from pathlib import Path

import pyarrow as pa
import pyogrio

from geoseg.vectors.geopackage import COLUMN, VERSION, dated, embed_styles

LAYER = "polygons"


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
    with dated():
        pyogrio.write_arrow(
            table,
            path,
            layer=LAYER,
            driver="GPKG",
            geometry_name="geometry",
            geometry_type="Polygon",
            crs=crs,
            VERSION=VERSION,
            GEOMETRY_NAME=COLUMN,
        )
        embed_styles(path, {LAYER: style})
