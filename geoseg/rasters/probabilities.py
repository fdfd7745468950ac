"""Read and check rasters of probabilities."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geoseg.errors import SceneError
from geoseg.models.legend import LEVELS, NODATA

from .open import reading
from .overlay import has_other_place
from .scene import is_placed


def read_levels(raster: DatasetReader, bands: list[int] | None, window: Window) -> npt.NDArray[np.uint8]:
    """Read probabilities `(bands, rows, columns)` in `LEVELS`, or `NODATA`; floats are rounded.

    `bands` are numbered from 1; None for all.
    """
    with reading(raster):
        values = raster.read(bands, window=window)
    if values.dtype == np.uint8:
        return np.asarray(values)
    valid = (values >= 0) & (values <= 1)
    return np.where(valid, np.rint(np.where(valid, values, 0) * LEVELS), NODATA).astype(np.uint8)


def check_probabilities(raster: DatasetReader, predicted: DatasetReader, *, bands: int) -> None:
    """Raise SceneError unless a raster holds probabilities of a prediction."""
    if raster.shape != predicted.shape or raster.count != bands:
        raise SceneError(
            f"{raster.name} has {raster.count} bands of {raster.width} × {raster.height} pixels, where "
            f"{Path(predicted.name).name} needs {bands} of {predicted.width} × {predicted.height}; predict both again."
        )
    placed = is_placed(raster) and is_placed(predicted)
    if placed and (raster.crs != predicted.crs or has_other_place(raster, predicted)):
        raise SceneError(
            f"{raster.name} shows other ground than {Path(predicted.name).name}, or has another CRS; predict both anew."
        )
    in_levels = raster.dtypes[0] == "uint8" and all(math.isclose(scale * LEVELS, 1) for scale in raster.scales)
    if not in_levels and raster.dtypes[0] not in ("float32", "float64"):
        raise SceneError(
            f"{raster.name} holds {raster.dtypes[0]} with scale {raster.scales[0]:g}; probabilities are uint8 with "
            f"scale 1/{LEVELS}, or floats."
        )
