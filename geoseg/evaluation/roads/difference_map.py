"""A map of what was missed and what is false, as a GeoPackage that QGIS draws by itself."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyproj
import shapely

from geoseg.vectors.layers import GEOMETRY, GeometryType, Layer
from geoseg.vectors.qgis import difference_style, junction_style
from geoseg.vectors.write import write_layers

from .buffers import Lines
from .junctions import Junctions
from .local_plane import Plane, transformed

_LINES = pa.schema([pa.field("length_m", pa.float64()), GEOMETRY])
_JUNCTIONS = pa.schema(
    [
        pa.field("status", pa.string()),
        pa.field("true_degree", pa.int64()),
        pa.field("predicted_degree", pa.int64()),
        pa.field("offset_m", pa.float64()),
        GEOMETRY,
    ]
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Differences:
    """Where a prediction and the truth differ."""

    crs: pyproj.CRS
    missed: Lines
    """Parts of the truth beyond the buffer of the prediction: LineStrings `(parts,)` in the CRS."""
    missed_m: npt.NDArray[np.float64]
    """Their geodesic lengths `(parts,)`."""
    false: Lines
    """Parts of the prediction beyond the buffer of the truth."""
    false_m: npt.NDArray[np.float64]
    places: npt.NDArray[np.object_]
    """Points `(junctions,)` in the CRS."""
    junctions: Junctions
    """What they are."""


def differences(plane: Plane, crs: pyproj.CRS, missed: Lines, false: Lines, junctions: Junctions) -> Differences:
    """Take what differs from the plane to a CRS."""
    return Differences(
        crs=crs,
        missed=transformed(missed, plane.crs, crs),
        missed_m=plane.lengths(missed),
        false=transformed(false, plane.crs, crs),
        false_m=plane.lengths(false),
        places=transformed(np.asarray(shapely.points(junctions.place)), plane.crs, crs),
        junctions=junctions,
    )


def write_differences(found: Differences, path: Path) -> None:
    """Write a GeoPackage with the layers `missed`, `false` and `junctions`; OSError if that is impossible."""

    def layer(name: str, table: pa.Table, geometry_type: GeometryType, style: str) -> Layer:
        return Layer(
            name=name,
            schema=table.schema,
            batches=table.to_batches,
            geometry_type=geometry_type,
            crs=found.crs,
            style=style,
        )

    layers = [
        layer("missed", _lines(found.missed, found.missed_m), "LineString", difference_style("missed")),
        layer("false", _lines(found.false, found.false_m), "LineString", difference_style("false")),
        layer("junctions", _junctions(found), "Point", junction_style()),
    ]
    write_layers(layers, path, "gpkg")


def _lines(lines: Lines, length_m: npt.NDArray[np.float64]) -> pa.Table:
    return pa.table({"length_m": length_m.round(2), "geometry": _wkb(lines)}, schema=_LINES)


def _junctions(found: Differences) -> pa.Table:
    junctions = found.junctions
    true, predicted, offset = junctions.true_degree, junctions.found_degree, junctions.offset_m
    columns = {
        "status": np.select([predicted == 0, true == 0], ["missed", "false"], "found"),
        "true_degree": pa.array(true, mask=true == 0),
        "predicted_degree": pa.array(predicted, mask=predicted == 0),
        "offset_m": pa.array(offset.round(2), mask=np.isnan(offset)),
        "geometry": _wkb(found.places),
    }
    return pa.table(columns, schema=_JUNCTIONS)


def _wkb(shapes: npt.NDArray[np.object_]) -> pa.Array:
    return pa.array(shapely.to_wkb(shapes).tolist(), pa.binary())
