"""A map of missed and false roads as a GeoPackage with QGIS styles."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyproj
import shapely

from geoseg.rasters.ground import turn_of
from geoseg.vectors.layers import GEOMETRY, GeometryType, Layer
from geoseg.vectors.project import project, turn_shapes
from geoseg.vectors.qgis import difference_style, junction_style
from geoseg.vectors.write import write_layers

from .buffers import Lines
from .junctions import Junctions
from .local_plane import Plane

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
    """Differences of a prediction from the reference; geometry is in `crs`."""

    crs: pyproj.CRS
    missed: Lines
    """Parts of the reference beyond the buffer of the prediction: LineStrings `(parts,)`."""
    missed_m: npt.NDArray[np.float64]
    """Their geodesic lengths `(parts,)`."""
    false: Lines
    """Parts of the prediction beyond the buffer of the reference: LineStrings `(parts,)`."""
    false_m: npt.NDArray[np.float64]
    """Their geodesic lengths `(parts,)`."""
    places: npt.NDArray[np.object_]
    """Points `(junctions,)`."""
    junctions: Junctions


def project_differences(
    plane: Plane, crs: pyproj.CRS, missed: Lines, false: Lines, junctions: Junctions
) -> Differences:
    """Project differences from a plane to `crs`; x of what crosses the antimeridian continues beyond it."""
    centre = project(np.array([shapely.Point(0, 0)]), plane.crs, crs)
    middle, turn = float(shapely.get_x(centre)[0]), turn_of(crs)

    def placed(shapes: Lines) -> Lines:
        return turn_shapes(project(shapes, plane.crs, crs), middle, turn)

    return Differences(
        crs=crs,
        missed=placed(missed),
        missed_m=plane.lengths(missed),
        false=placed(false),
        false_m=plane.lengths(false),
        places=placed(np.asarray(shapely.points(junctions.place))),
        junctions=junctions,
    )


def write_differences(found: Differences, path: Path) -> None:
    """Write a GeoPackage with the layers `missed`, `false` and `junctions`; OSError if it cannot be written."""
    tables: list[tuple[str, pa.Table, GeometryType, str]] = [
        ("missed", _lines(found.missed, found.missed_m), "LineString", difference_style("missed")),
        ("false", _lines(found.false, found.false_m), "LineString", difference_style("false")),
        ("junctions", _junctions(found), "Point", junction_style()),
    ]
    layers = [
        Layer(name=name, schema=table.schema, batches=table.to_batches, geometry_type=kind, crs=found.crs, style=style)
        for name, table, kind, style in tables
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
