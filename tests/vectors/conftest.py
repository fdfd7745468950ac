"""Layers of lines and polygons, built from shapes."""

import pyarrow as pa
import pytest
import shapely
from pyproj import CRS

from geoseg.vectors.layers import GEOMETRY, Layer

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64()),
        pa.field("width_m", pa.float64()),
        pa.field("paved", pa.bool_()),
        pa.field("kind", pa.string()),
        GEOMETRY,
    ]
)


@pytest.fixture(scope="session")
def layer():
    """Return a function that builds a layer of shapes, two per batch; each has an id, only the first a width."""

    def make(
        shapes, crs="EPSG:32633", *, geometry_type="LineString", name="things", style="<qgis />", kinds=(), **more
    ):
        columns = {
            "id": list(range(1, len(shapes) + 1)),
            "width_m": [3.25, *[None] * len(shapes)][: len(shapes)],
            "paved": [True] * len(shapes),
            "kind": kinds or ["Straße"] * len(shapes),
            "geometry": shapely.to_wkb(shapes).tolist(),
        }
        table = pa.table(columns, schema=SCHEMA)
        return Layer(
            name=name,
            schema=SCHEMA,
            batches=lambda: table.to_batches(max_chunksize=2),
            geometry_type=geometry_type,
            crs=CRS.from_user_input(crs),
            style=style,
            **more,
        )

    return make
