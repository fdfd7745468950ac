"""Road probabilities from a raster that exists: class ids, or probabilities in any number format."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geoseg.blocks import LEVELS
from geoseg.errors import SceneError, UsageError
from geoseg.models.legend import NODATA, Legend
from geoseg.scene import open_scene, opened

from .block import Read

Values = npt.NDArray[np.generic]
ToLevels = Callable[[Values], npt.NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class RoadRaster:
    """Road probabilities that can be read window by window."""

    read: Read
    grid: GeoBox
    """Shape, transform and CRS."""


@contextmanager
def road_raster(
    source: str | Path, *, band: int | None = None, road_class: int | None = None, probability: bool = False
) -> Iterator[RoadRaster]:
    """Open a raster as road probabilities.

    Parameters
    ----------
    source
        Raster that GDAL opens.
    band
        Number of the band, from 1; by default the one that is called "road", or the first.
    road_class
        Class id of roads: the raster holds classes. By default that of a class raster that geoseg wrote.
    probability
        The raster holds probabilities even if it does not look so: whole numbers are shares of the largest that their
        type can hold, or of what the band's scale says.

    Raises
    ------
    SceneError
        If the raster cannot be read or is not placed on the ground.
    UsageError
        If it has no such band, or does not say what its values mean.
    """
    scene = open_scene(source)
    # All reads are at full resolution, where overviews cannot take its place; without them GDAL tells no band names.
    with opened(scene.source, overviews=True) as dataset:
        if band is not None and not 1 <= band <= dataset.count:
            raise UsageError(f"{source} has {dataset.count} bands; there is no band {band}.")
        number = band or _road_band(dataset)
        # Where classes have no data is no road either.
        masked = road_class is None and MaskFlags.all_valid not in dataset.mask_flag_enums[number - 1]
        to_levels = _meaning(dataset, number, road_class, probability=probability)

        def read(rows: slice, cols: slice) -> npt.NDArray[np.uint8]:
            window = Window.from_slices(rows, cols)
            try:
                values = dataset.read(number, window=window)
                mask = dataset.read_masks(number, window=window) if masked else None
            except RasterioError as error:
                raise SceneError(f"{source} cannot be read to its end: {error}.") from error
            levels = to_levels(values)
            return levels if mask is None else np.where(mask == 0, np.uint8(NODATA), levels)

        yield RoadRaster(read=read, grid=scene.geobox)


def _road_band(dataset: rasterio.DatasetReader) -> int:
    names = [(name or "").lower() for name in dataset.descriptions]
    return names.index("road") + 1 if "road" in names else 1


def _meaning(dataset: rasterio.DatasetReader, number: int, road_class: int | None, *, probability: bool) -> ToLevels:
    """Decide what the values of a band are, and how they become levels."""
    dtype = np.dtype(dataset.dtypes[number - 1])
    floating = dtype.kind == "f"
    scale = float(dataset.scales[number - 1])
    if road_class is None and not probability and not floating and scale == 1:
        road_class = _own_road_class(dataset)
        if road_class is None:
            raise UsageError(
                f"{dataset.name} does not say what its values mean; name the class id of roads (--class), "
                "or say that they are probabilities (--threshold)."
            )
    if road_class is not None:
        wanted = road_class
        return lambda values: np.where(values == wanted, np.uint8(LEVELS), np.uint8(0))
    if scale == 1 and not floating:
        scale = 1 / np.iinfo(dtype).max
    if dtype == np.uint8:
        table = _scaled(np.arange(256), scale * LEVELS)
        return lambda values: table[values]
    return lambda values: _scaled(values, scale * LEVELS)


def _scaled(values: Values, factor: float) -> npt.NDArray[np.uint8]:
    levels = values.astype(np.float32) * np.float32(factor)
    known = np.isfinite(levels)
    return np.where(known, np.clip(np.rint(np.where(known, levels, 0)), 0, LEVELS), NODATA).astype(np.uint8)


def _own_road_class(dataset: rasterio.DatasetReader) -> int | None:
    """Return the road class of a class raster that geoseg wrote."""
    tag = dataset.tags().get("GEOSEG_LEGEND")
    return None if tag is None else Legend.from_json(json.loads(tag)).road
