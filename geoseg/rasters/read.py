"""Read pixels as they lie in a raster, tell where there are any, and bring them into the range of networks."""

from typing import Protocol

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from geoseg.tiling import Roi

BRIGHTEST = 255
"""What networks take is from 0 to this."""


class Scaling(Protocol):
    """Offset and gain of one data type."""

    @property
    def offset(self) -> float:
        """What becomes 0."""

    @property
    def gain(self) -> float:
        """By which the rest is multiplied."""


def read_pixels(
    dataset: rasterio.DatasetReader, bands: tuple[int, ...], roi: Roi
) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
    """Pixels `(rows, columns, bands)` of a region, 0 where there are none, and where there are some `(rows, columns)`.

    A pixel has data if any of the bands does by mask or nodata value, and none of them is NaN or infinite.
    """
    window = Window.from_slices(*roi)
    values = dataset.read(bands, window=window)
    # Alpha says outright what has data; a nodata value beside it may well be a colour.
    if ColorInterp.alpha in dataset.colorinterp:
        valid = dataset.read(dataset.colorinterp.index(ColorInterp.alpha) + 1, window=window) > 0
    else:
        valid = (dataset.read_masks(bands, window=window) > 0).any(axis=0)
    if values.dtype.kind == "f":
        valid &= np.isfinite(values).all(axis=0)
    return np.where(valid[..., None], np.moveaxis(values, 0, -1), 0).astype(values.dtype, copy=False), valid


def scaled(values: npt.NDArray[np.generic], scaling: Scaling) -> npt.NDArray[np.float32]:
    """Pixels as networks take them: `(value - offset) * gain`, cut off at 0 and 255 as augmentation does."""
    pixels = values.astype(np.float32)
    pixels -= np.float32(scaling.offset)
    pixels *= np.float32(scaling.gain)
    return np.clip(pixels, 0, BRIGHTEST, out=pixels)
