"""Describe a georeferenced raster without reading its pixels."""

import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rasterio
from pyproj import Transformer
from rasterio.rpc import RPC

from geoseg.errors import SceneError

from . import ground
from .bands.identify import Band, name_bands
from .dates import Dates, dates_of
from .grid import Grid
from .opening.open import opened, unplaced, usable_crs
from .sources.identity import Mark, ask_server, identify
from .sources.names import stem
from .tags import model_of
from .values import Unit, units_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True, kw_only=True)
class Raster:
    """Description of a raster's bands."""

    source: str
    """Path or URL for GDAL."""
    identity: tuple[Mark, ...]
    """Marks of the source, its sidecars, and the rasters behind a VRT; see `opened`."""
    dtype: str
    """NumPy data type of the bands."""
    bands: tuple[Band, ...]
    """What each band shows."""
    units: tuple[Unit, ...]
    """Declared scale and offset of each band."""
    result_of: str | None
    """Name and version of the model that it is a result of; None for a raster that geoseg did not make."""


@dataclass(frozen=True, kw_only=True)
class Scene(Raster):
    """Description of a georeferenced raster."""

    grid: Grid
    """The raster's own."""
    gsd_m: tuple[float, float]
    """Ground sample distance at the centre, in metres: down a column, along a row."""
    name: str | None = None
    """Name of its results; None for that of its file."""
    dates: Dates | None = None
    """When it was taken."""
    item: str | None = None
    """Path or URL of its STAC item, if that was read."""

    @property
    def stem(self) -> str:
        """Name of its results: the given one, or the file's name without folder and extension."""
        return stem(self.source) if self.name is None else self.name

    @property
    def geobox(self) -> "GeoBox":
        """The raster's own grid."""
        return self.grid.geobox

    @property
    def bounds_lonlat(self) -> tuple[float, float, float, float]:
        """West, south, east and north in degrees."""
        corners = ground.corners(self.grid)
        to_lonlat = Transformer.from_crs(self.grid.crs, "EPSG:4326", always_xy=True)
        west, south, east, north = to_lonlat.transform_bounds(*corners.min(axis=0), *corners.max(axis=0))
        return west, south, east, north


def open_scene(source: str | Path, *, max_pixels: float | None = None) -> Scene:
    """Describe a raster; raises SceneError as `opened`, and for one without a CRS or an affine transform."""
    source = str(source)
    at_server = ask_server(source)
    # Opened without overviews, a file without geotransform gets an arbitrary one (seen in GDAL 3.10).
    with unplaced(), opened(source, overviews=True, max_pixels=max_pixels) as dataset:
        grid, gsd_m = locate(source, dataset)
        raster = raster_of(source, dataset, at_server)
        return Scene(grid=grid, gsd_m=gsd_m, dates=dates_of(dataset), **vars(raster))


def locate(source: str, dataset: rasterio.DatasetReader) -> tuple[Grid, tuple[float, float]]:
    """Grid and ground sample distance of an opened raster; raises SceneError unless it is georeferenced."""
    _check_placed(source, dataset)
    with usable_crs(source):
        grid = ground.grid_of(dataset)
        Transformer.from_crs(grid.crs, "EPSG:4326")  # fails for other planets
    return grid, ground.checked_gsd(source, grid)


def raster_of(source: str, dataset: rasterio.DatasetReader, identity: tuple[Mark, ...] = ()) -> Raster:
    """Describe the bands of an opened raster, whose `identity` may be known; SceneError if they differ in data type.

    See `name_bands`.
    """
    refuse_mixed_types(source, dataset)
    return Raster(
        source=source,
        identity=identity or identify(dataset),
        dtype=dataset.dtypes[0],
        bands=name_bands(dataset),
        units=units_of(dataset),
        result_of=model_of(dataset),
    )


def refuse_mixed_types(source: str, dataset: rasterio.DatasetReader) -> None:
    """Raise SceneError if bands differ in data type."""
    if len(set(dataset.dtypes)) > 1:
        raise SceneError(f"{source} mixes data types ({', '.join(dataset.dtypes)}); geoseg needs one for all bands.")


def _check_placed(source: str, dataset: rasterio.DatasetReader) -> None:
    transform = dataset.transform
    if transform.is_identity or dataset.crs is None:  # a grid without CRS may be that of the sensor
        refuse_unrectified(source, dataset)
    # A new file: GDAL edits neither COGs nor files on servers.
    srs, corners, files = "-a_srs EPSG:…", "-a_ullr WEST NORTH EAST SOUTH", f"{shlex.quote(source)} placed.tif"
    if dataset.crs is None and transform.is_identity:
        command = f"gdal_translate {srs} {corners} {files}"
        raise SceneError(f"{source} has no georeference, neither a CRS nor a geotransform; assign both (`{command}`).")
    if dataset.crs is None:
        raise SceneError(f"{source} has no CRS; assign its own (`gdal_translate {srs} {files}`).")
    if transform.is_identity:
        command = f"gdal_translate {corners} {files}"
        raise SceneError(f"{source} has a CRS but no geotransform; assign one (`{command}`).")
    if not transform.determinant or not all(map(math.isfinite, transform)):
        raise SceneError(f"{source} has a geotransform that maps all pixels onto a line; check its georeference.")


def refuse_unrectified(source: str, dataset: rasterio.DatasetReader) -> None:
    """Raise SceneError if ground control points or RPCs say where an image lies."""
    points, crs = dataset.gcps
    if points:
        command = "gdalwarp" if crs else "gdalwarp -s_srs EPSG:…"
        raise SceneError(f"{source} is georeferenced by ground control points only; warp it first (`{command}`).")
    if rpcs_of(dataset) is not None:
        raise SceneError(f"{source} is georeferenced by RPCs only; orthorectify it first (`gdalwarp -rpc`).")


def rpcs_of(raster: rasterio.DatasetReader) -> RPC | None:
    """Return the rational polynomial coefficients of a raster; None if it has none, or not all that are needed."""
    try:
        return raster.rpcs
    except (KeyError, ValueError):
        return None


def refuse_one_unrectified(one: rasterio.DatasetReader, other: rasterio.DatasetReader) -> None:
    """Raise SceneError if one of two rasters has a map grid, and the other only ground control points or RPCs."""
    if is_placed(one) != is_placed(other):
        bare = other if is_placed(one) else one
        refuse_unrectified(bare.name, bare)


def is_placed(raster: rasterio.DatasetReader) -> bool:
    """Whether a raster is georeferenced by a CRS and an affine transform."""
    return raster.crs is not None and not raster.transform.is_identity
