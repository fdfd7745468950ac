"""Average probabilities over squares of pixels, where a grid is finer than roads need."""

import math

import numpy as np
import numpy.typing as npt
from rasterio import Affine

from geoseg.blocks import LEVELS

from .block import Read

FINEST_M = 0.3
"""Pixels smaller than this are averaged: they cost time and show no more of a road."""

_NODATA = 255


def factor_for(pixel_m: float) -> int:
    """Return how many pixels along each side become one."""
    return max(math.ceil(FINEST_M / pixel_m - 0.01), 1)


def coarsened(
    read: Read, shape: tuple[int, int], transform: Affine, factor: int
) -> tuple[Read, tuple[int, int], Affine]:
    """Return a grid whose pixels are the means of `factor` × `factor` pixels; what is cut off by the scene counts less.

    A pixel has data where one of those that it is the mean of has.
    """
    coarse_shape = math.ceil(shape[0] / factor), math.ceil(shape[1] / factor)

    def averaged(rows: slice, cols: slice) -> npt.NDArray[np.uint8]:
        fine = [
            slice(part.start * factor, min(part.stop * factor, size))
            for part, size in zip((rows, cols), shape, strict=True)
        ]
        levels = read(*fine)
        short = [-size % factor for size in levels.shape]
        levels = np.pad(levels, [(0, short[0]), (0, short[1])], constant_values=_NODATA)
        squares = levels.reshape(levels.shape[0] // factor, factor, levels.shape[1] // factor, factor)
        valid = squares <= LEVELS
        count = valid.sum(axis=(1, 3), dtype=np.uint32)
        total = np.where(valid, squares, 0).sum(axis=(1, 3), dtype=np.uint32)
        mean = (2 * total + count) // np.maximum(2 * count, 1)
        return np.where(count > 0, mean, _NODATA).astype(np.uint8)

    return averaged, coarse_shape, transform @ Affine.scale(factor)
