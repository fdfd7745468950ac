"""A vector layer, from which every format is written."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from pyproj import CRS

if TYPE_CHECKING:
    import geopandas

GeometryType = Literal["Point", "LineString", "Polygon"]

DECIMALS = 7
"""Decimals of degrees for a resolution of a centimetre or so."""
GEOMETRY = pa.field("geometry", pa.binary(), metadata={b"ARROW:extension:name": b"geoarrow.wkb"})
"""Geometry column of a layer: well-known binary in the layer's CRS."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """Features of one geometry type with their CRS and style."""

    name: str
    schema: pa.Schema
    """Attributes, then `GEOMETRY`."""
    batches: Callable[[], Iterable[pa.RecordBatch]]
    """Read the features; called once for each format."""
    geometry_type: GeometryType
    crs: CRS
    style: str
    """QML."""
    decimals: int = DECIMALS
    """Decimals of degrees in GeoJSON."""
    longest: float = inf
    """Longest segment in GeoJSON, in units of the CRS: straight lines of the CRS are curves in degrees."""

    def reader(self) -> pa.RecordBatchReader:
        """Return the features as an Arrow stream."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches())

    def to_geodataframe(self) -> "geopandas.GeoDataFrame":
        """Return all features in the layer's CRS."""
        import geopandas

        return geopandas.GeoDataFrame.from_arrow(self.reader().read_all()).set_crs(self.crs)
