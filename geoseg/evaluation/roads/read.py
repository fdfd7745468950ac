"""Read road networks from vector files."""

from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from geoseg.errors import SceneError
from geoseg.files import check_regular

_LAYER = "edges"
"""geoseg's layer of road lines, read from files with several layers."""
_COLLECTIONS = (
    shapely.GeometryType.MULTIPOINT,
    shapely.GeometryType.MULTILINESTRING,
    shapely.GeometryType.MULTIPOLYGON,
    shapely.GeometryType.GEOMETRYCOLLECTION,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Roads:
    """Lines of a file."""

    lines: npt.NDArray[np.object_]
    """LineStrings `(lines,)` in two dimensions, none empty."""
    crs: pyproj.CRS
    notes: tuple[str, ...]
    """Notes on skipped features."""


def read_roads(path: Path) -> Roads:
    """Read the lines of GeoParquet, or any vector file that GDAL opens; SceneError without lines or a CRS."""
    try:
        check_regular(path)
        with np.errstate(invalid="ignore"):  # NaN coordinates are refused below
            shapes, crs = _parquet(path) if path.suffix.lower() == ".parquet" else _gdal(path)
    except (DataSourceError, DataLayerError, OSError, ValueError, pa.ArrowException, shapely.GEOSException) as error:
        raise SceneError(f"{path} cannot be read as a vector file ({error}).") from error
    parts = shapely.get_parts(shapely.force_2d(shapes[~shapely.is_missing(shapes)]))
    while np.isin(shapely.get_type_id(parts), _COLLECTIONS).any():
        parts = shapely.get_parts(parts)
    parts = parts[~shapely.is_empty(parts)]
    lines = parts[
        np.isin(shapely.get_type_id(parts), (shapely.GeometryType.LINESTRING, shapely.GeometryType.LINEARRING))
    ]
    others = len(parts) - len(lines)
    if others and not len(lines):
        raise SceneError(f"{path} holds {others:,} points or polygons, but no lines; use road centrelines.")
    if crs is None:
        raise SceneError(f"{path} has no CRS; assign the right one, for example with ogr2ogr -a_srs.")
    known_crs = pyproj.CRS.from_user_input(crs)
    if known_crs.geodetic_crs is None:
        raise SceneError(f"the CRS of {path}, {known_crs.name}, is not tied to the Earth; assign one that is.")
    if not np.isfinite(shapely.get_coordinates(lines)).all():
        raise SceneError(f"{path} has NaN or infinite coordinates; fix or remove these lines.")
    notes = (f"{path.name}: {others:,} features other than lines are skipped.",) if others else ()
    return Roads(lines=lines, crs=known_crs, notes=notes)


def _parquet(path: Path) -> tuple[npt.NDArray[np.object_], object]:
    """Read GeoParquet, which GDAL supports only in some builds."""
    frame = geopandas.read_parquet(path, columns=None)
    return np.asarray(frame.geometry.array), frame.crs


def _gdal(path: Path) -> tuple[npt.NDArray[np.object_], object]:
    layers = pyogrio.list_layers(path)
    spatial = [name for name, kind in layers if kind is not None]
    if len(spatial) > 1 and _LAYER not in spatial:
        raise SceneError(f"{path} has the layers {', '.join(spatial)}; use a file with one layer, or name it {_LAYER}.")
    if not spatial:
        raise SceneError(f"{path} has no layer with geometry; use road centrelines.")
    layer = _LAYER if _LAYER in spatial else spatial[0]
    meta, _, shapes, _ = pyogrio.raw.read(path, layer=layer, columns=[])
    return shapely.from_wkb(shapes), meta["crs"]
