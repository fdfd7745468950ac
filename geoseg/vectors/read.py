"""Read vector files of users: labels, areas of interest, reference roads."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS

from geoseg.datasets.listing import RASTERS
from geoseg.errors import DataError
from geoseg.files import check_regular
from geoseg.rasters.proj_database import do_without_server, refuse_broken_database
from geoseg.sentences import unreadable

from .gdal_path import as_is
from .layers import GEOMETRY

if TYPE_CHECKING:
    import geopandas

Geometries = npt.NDArray[np.object_]

POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_EDGES, _NETWORK = "edges", {"edges", "nodes"}
"""Layers of a road network in a GeoPackage, as geoseg and OSMnx write them: the edges are read."""
_INDIRECT, _HEAD = b"<OGR", 1024
"""Start of an OGR virtual file, which names other files, and the number of leading bytes to search."""
_TURN = 540
"""Largest absolute longitude in degrees: across the antimeridian, longitudes may continue beyond 180."""


def read_features(path: Path, *, attributes: Sequence[str] | None = None) -> "geopandas.GeoDataFrame":
    """Read the features of GeoParquet, or of any vector file that GDAL opens, without missing and empty geometries.

    `attributes` are the columns to read, those that the file has; None for all.

    Raises DataError if the file is missing or cannot be read, has several layers, no geometry or no CRS, or has
    coordinates that cannot be in its CRS.
    """
    import pyarrow as pa

    try:
        check_regular(path)
        with np.errstate(invalid="ignore"):  # NaN coordinates are refused below
            features = _parquet(path) if path.suffix.lower() == ".parquet" else _gdal(path, attributes=attributes)
    except (RuntimeError, OSError, ValueError, pa.ArrowException, shapely.GEOSException) as error:
        raise DataError(_unreadable(path, error)) from error
    if features.crs is None:
        refuse_broken_database()
        raise DataError(f"{path} has no CRS; assign the right one, for example with ogr2ogr -a_srs.")
    do_without_server()
    features = features[~(features.geometry.isna() | features.geometry.is_empty)].reset_index(drop=True)
    _check_coordinates(path, features)
    return features


def columns_of(path: Path) -> list[str]:
    """Return the columns of a vector file, without geometry; DataError if it cannot be read or has several layers."""
    import pyarrow as pa
    import pyarrow.parquet
    import pyogrio

    try:
        check_regular(path)
        if path.suffix.lower() == ".parquet":
            return [name for name in pa.parquet.read_schema(path).names if name != GEOMETRY.name]
        layer = _spatial_layer(path)
        with as_is(path) as plain:
            return [str(name) for name in pyogrio.read_info(plain, layer=layer)["fields"]]
    except (RuntimeError, OSError, ValueError, pa.ArrowException) as error:
        raise DataError(_unreadable(path, error)) from error


def split_collections(geometries: Geometries) -> tuple[Geometries, npt.NDArray[np.int64]]:
    """Replace collections by their parts, at any depth, in order; return the index of each part's geometry, too."""
    index = np.arange(len(geometries))
    while (nested := shapely.get_type_id(geometries) == shapely.GeometryType.GEOMETRYCOLLECTION).any():
        parts, owner = shapely.get_parts(geometries[nested], return_index=True)
        index = np.concatenate([index[~nested], index[nested][owner]])
        order = np.argsort(index, kind="stable")
        geometries, index = np.concatenate([geometries[~nested], parts])[order], index[order]
    return geometries, index


def polygons_in(geometries: Geometries) -> tuple[Geometries, int]:
    """Return the polygons and multi-polygons in geometries, also in collections, and the number of other parts."""
    parts, _ = split_collections(geometries)
    polygonal = np.isin(shapely.get_type_id(parts), POLYGONAL)
    return parts[polygonal], int((~polygonal).sum())


def _parquet(path: Path) -> "geopandas.GeoDataFrame":
    """Read GeoParquet, which GDAL supports only in some builds."""
    import geopandas

    try:
        return geopandas.read_parquet(path)
    except (AttributeError, KeyError, TypeError) as error:  # from malformed metadata
        raise ValueError(f"its GeoParquet metadata is not valid: {type(error).__name__} {error}") from error


def _gdal(path: Path, *, attributes: Sequence[str] | None) -> "geopandas.GeoDataFrame":
    import pyogrio  # slow, like geopandas, and needed only with an area of interest

    layer = _spatial_layer(path)
    with as_is(path) as plain:
        return pyogrio.read_dataframe(plain, layer=layer, columns=attributes)


def _spatial_layer(path: Path) -> str:
    """Return a file's only layer, or the edges of a network; DataError if it has none or several, or is virtual."""
    import pyogrio

    if path.is_file():
        with path.open("rb") as file:
            if _INDIRECT in file.read(_HEAD):
                raise DataError(
                    f"{path} is an OGR virtual file, which may open any other file; save its features (`ogr2ogr`)."
                )
    with as_is(path) as plain:
        layers = pyogrio.list_layers(plain)
    spatial = [name for name, kind in layers if kind is not None]
    if set(spatial) == _NETWORK:
        return _EDGES
    if len(spatial) > 1:
        command = f"ogr2ogr one.gpkg {shlex.quote(str(path))} {shlex.quote(spatial[0])}"
        raise DataError(f"{path} has the layers {', '.join(spatial)}; save the right one to a file (`{command}`).")
    if not spatial:
        raise DataError(f"{path} is a table without geometry; use a file of lines or polygons.")
    return str(spatial[0])


def _unreadable(path: Path, error: Exception) -> str:
    plain = unreadable(path, "name the vector file in it")
    if plain is not None:
        return plain
    if path.suffix.lower() in RASTERS:
        made = "`geoseg roads` and `geoseg polygons` make of a class raster"
        return f"{path} is a raster; name a vector file, such as {made}."
    reason = " ".join(str(error).split(".;")[0].split()).rstrip(".")  # pyogrio appends advice on its arguments
    return f"{path} cannot be read as a vector file ({reason})."


def _check_coordinates(path: Path, features: "geopandas.GeoDataFrame") -> None:
    """Raise DataError for coordinates that are not finite, or are not degrees where the CRS has degrees."""
    points = shapely.get_coordinates(features.geometry)
    if not np.isfinite(points).all():
        raise DataError(f"{path} has NaN or infinite coordinates; fix or remove these features.")
    crs = CRS.from_user_input(features.crs)
    if not crs.is_geographic or not len(points):
        return
    wrong = points[(np.abs(points) > (_TURN, 90 + 1e-6)).any(axis=1)]
    if not len(wrong):
        return
    remedy = "assign the right CRS"
    if path.suffix.lower() in {".geojson", ".json"}:
        remedy = "GeoJSON is in longitude and latitude (RFC 7946): reproject it, or name its CRS in a member `crs`"
    raise DataError(
        f"{path} has the coordinates {wrong[0, 0]:.10g}, {wrong[0, 1]:.10g}, which are not degrees in its CRS, "
        f"{crs.name}; {remedy}."
    )
