"""Read and check rasters of probabilities."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geoseg.errors import SceneError
from geoseg.models.legend import LEVELS, NODATA
from geoseg.sentences import counted

from .missing_data.validity import is_unmasked
from .opening.open import reading
from .overlay import has_other_place
from .scene import is_placed
from .tags import check_same_run

_ROUNDING = 1e-3
"""How far sums of rounded floats may leave the range from 0 to 1."""


def read_levels(raster: DatasetReader, bands: Sequence[int], window: Window) -> npt.NDArray[np.uint8]:
    """Read probabilities `(bands, rows, columns)` in `LEVELS`, or `NODATA` where there is none; floats are rounded.

    `bands` are numbered from 1. SceneError for values that are not probabilities.
    """
    with reading(raster):
        values = np.asarray(raster.read(bands, window=window))
        integers = values.dtype == np.uint8
        if integers and all(is_unmasked(raster, band) or raster.nodatavals[band - 1] == NODATA for band in bands):
            return values
        valid = raster.read_masks(bands, window=window) != 0
    if integers:
        return np.where(valid, values, np.uint8(NODATA))
    valid &= ~np.isnan(values)
    beyond = valid & ((values < -_ROUNDING) | (values > 1 + _ROUNDING))
    if beyond.any():
        raise SceneError(
            f"{raster.name} has the value {values[beyond][0]:g}, and probabilities are from 0 to 1: divide percentages "
            "by 100, and declare a value that stands for no data as nodata (`gdal_translate -a_nodata`)."
        )
    return np.where(valid, np.rint(np.clip(np.where(valid, values, 0), 0, 1) * LEVELS), NODATA).astype(np.uint8)


def check_probabilities(raster: DatasetReader, predicted: DatasetReader, *, bands: int) -> None:
    """Raise SceneError unless a raster holds probabilities of a prediction."""
    if raster.shape != predicted.shape or raster.count != bands:
        raise SceneError(
            f"{raster.name} has {counted(raster.count, 'band')} of {raster.width} × {raster.height} pixels, where "
            f"{Path(predicted.name).name} needs {bands} of {predicted.width} × {predicted.height}; predict both again."
        )
    placed = is_placed(raster) and is_placed(predicted)
    if placed and (raster.crs != predicted.crs or has_other_place(raster, predicted)):
        raise SceneError(
            f"{raster.name} shows other ground than {Path(predicted.name).name}, or has another CRS; predict both "
            "again."
        )
    check_same_run(raster, predicted)
    in_levels = raster.dtypes[0] == "uint8" and all(math.isclose(scale * LEVELS, 1) for scale in raster.scales)
    if not in_levels and raster.dtypes[0] not in ("float32", "float64"):
        raise SceneError(
            f"{raster.name} holds {raster.dtypes[0]} with scale {raster.scales[0]:g}; probabilities are uint8 with "
            f"scale 1/{LEVELS}, or floats."
        )
