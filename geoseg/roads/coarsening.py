"""Average pixels that are finer than the tracer needs."""

import math

import numpy as np
from rasterio import Affine

from geoseg.models.legend import LEVELS, NODATA

from .arrays import Bytes, Read
from .settings import FINEST_M


def coarsening_factor(pixel_m: float) -> int:
    """Return the side of the square of pixels to average into one."""
    return max(math.ceil(FINEST_M / pixel_m - 0.01), 1)


def coarsen(read: Read, shape: tuple[int, int], transform: Affine, factor: int) -> tuple[Read, tuple[int, int], Affine]:
    """Return reader, shape and transform of a grid whose pixels are means of `factor` × `factor` valid pixels."""
    coarse_shape = math.ceil(shape[0] / factor), math.ceil(shape[1] / factor)

    def averaged(rows: slice, cols: slice) -> Bytes:
        fine = [
            slice(part.start * factor, min(part.stop * factor, size))
            for part, size in zip((rows, cols), shape, strict=True)
        ]
        levels = read(*fine)
        short = [-size % factor for size in levels.shape]
        levels = np.pad(levels, [(0, short[0]), (0, short[1])], constant_values=NODATA)
        squares = levels.reshape(levels.shape[0] // factor, factor, levels.shape[1] // factor, factor)
        valid = squares <= LEVELS
        count = valid.sum(axis=(1, 3), dtype=np.uint32)
        total = np.where(valid, squares, 0).sum(axis=(1, 3), dtype=np.uint32)
        mean = (2 * total + count) // np.maximum(2 * count, 1)
        return np.where(count > 0, mean, NODATA).astype(np.uint8)

    return averaged, coarse_shape, transform @ Affine.scale(factor)
