"""Road probabilities from a raster that exists: class ids, or probabilities in any number format."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.enums import MaskFlags
from rasterio.windows import Window

from geoseg.errors import SceneError, UsageError
from geoseg.models.legend import LEVELS, NODATA
from geoseg.rasters.open import opened
from geoseg.rasters.scene import open_scene
from geoseg.rasters.tags import legend_of

from .arrays import Read

Values = npt.NDArray[np.generic]
ToLevels = Callable[[Values], npt.NDArray[np.uint8]]

_TOLERANCE = 0.01
"""How far values may lie beyond 0 and 1, by rounding or ringing, and still be probabilities."""


@dataclass(frozen=True, kw_only=True)
class RoadRaster:
    """Road probabilities that can be read window by window."""

    read: Read
    grid: GeoBox
    """Shape, transform and CRS."""

    certain: bool
    """Probabilities are 0 or 1: the raster holds classes."""


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
        to_levels, certain = _meaning(dataset, number, road_class, probability=probability)
        # Where classes have no data is no road either.
        masked = not certain and MaskFlags.all_valid not in dataset.mask_flag_enums[number - 1]

        def read(rows: slice, cols: slice) -> npt.NDArray[np.uint8]:
            window = Window.from_slices(rows, cols)
            values = dataset.read(number, window=window)
            mask = dataset.read_masks(number, window=window) if masked else None
            if mask is None:
                return to_levels(values)
            if values.dtype.kind == "f":
                values[mask == 0] = np.nan
            return np.where(mask == 0, np.uint8(NODATA), to_levels(values))

        yield RoadRaster(read=read, grid=scene.geobox, certain=certain)


def _road_band(dataset: rasterio.DatasetReader) -> int:
    names = [(name or "").lower() for name in dataset.descriptions]
    return names.index("road") + 1 if "road" in names else 1


def _meaning(
    dataset: rasterio.DatasetReader, number: int, road_class: int | None, *, probability: bool
) -> tuple[ToLevels, bool]:
    """Decide what the values of a band are: how they become levels, and whether they are classes."""
    dtype = np.dtype(dataset.dtypes[number - 1])
    floating = dtype.kind == "f"
    scale, offset = float(dataset.scales[number - 1]), float(dataset.offsets[number - 1])
    plain = (scale, offset) == (1, 0)
    if road_class is None and not probability and not floating and plain:
        legend = legend_of(dataset)
        if legend is None or legend.road is None:
            raise UsageError(
                f"{dataset.name} does not say what its values mean; name the class id of roads (--class), "
                "or say that they are probabilities (--threshold)."
            )
        road_class = legend.road
    if road_class is not None:
        wanted = road_class
        if not floating and not np.iinfo(dtype).min <= wanted <= np.iinfo(dtype).max:
            raise UsageError(f"{dataset.name} holds {dtype} values; none of them can be {wanted}.")
        return lambda values: np.where(values == wanted, np.uint8(LEVELS), np.uint8(0)), True
    if plain and not floating:
        scale = 1 / np.iinfo(dtype).max
    if dtype == np.uint8:
        table = _levels(np.arange(256), scale, offset)
        return lambda values: table[values], False

    def to_levels(values: Values) -> npt.NDArray[np.uint8]:
        if floating:
            _refuse_improbable(dataset.name, values, scale, offset)
        return _levels(values, scale, offset)

    return to_levels, False


def _refuse_improbable(name: str, values: Values, scale: float, offset: float) -> None:
    """Raise SceneError if a number is far from 0 to 1: heights and percentages are numbers too."""
    known = values[np.isfinite(values)]
    if not known.size:
        return
    for value in (known.min(), known.max()):
        if not -_TOLERANCE <= float(value) * scale + offset <= 1 + _TOLERANCE:
            raise SceneError(
                f"{name} holds {value:g}, which is no probability from 0 to 1; give its band a scale, "
                "or name the class id of roads (--class)."
            )


def _levels(values: Values, scale: float, offset: float) -> npt.NDArray[np.uint8]:
    levels = values.astype(np.float32) * np.float32(scale * LEVELS) + np.float32(offset * LEVELS)
    known = np.isfinite(levels)
    return np.where(known, np.clip(np.rint(np.where(known, levels, 0)), 0, LEVELS), NODATA).astype(np.uint8)
