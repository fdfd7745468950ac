"""Read evenly spaced pixels of a raster of any size, at a bounded cost."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window

SIDE = 512
"""Rows and columns to take, at most."""
_WHOLE_PIXELS = 2**25
"""A raster, or its smallest sufficient overview, is read whole up to this size."""
_MOST_BLOCKS = 256
"""Blocks to read of a larger one, at most."""


def thin(raster: rasterio.DatasetReader, bands: Sequence[int]) -> npt.NDArray[Any]:
    """Read evenly spaced pixels `(bands, rows, columns)`, of an overview if the raster is opened with them.

    The pixels depend on the file alone.
    """
    return _thinned(raster, lambda window, shape: raster.read(bands, window=window, out_shape=(len(bands), *shape)))


def thin_masks(raster: rasterio.DatasetReader, bands: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Read GDAL's masks `(bands, rows, columns)` of the pixels of `thin`: where they have data."""
    return _thinned(
        raster, lambda window, shape: raster.read_masks(bands, window=window, out_shape=(len(bands), *shape)) > 0
    )


def _thinned(
    raster: rasterio.DatasetReader, read: Callable[[Window, tuple[int, int]], npt.NDArray[Any]]
) -> npt.NDArray[Any]:
    height, width = raster.shape
    shape = min(height, SIDE), min(width, SIDE)
    factor = max((each for each in raster.overviews(1) if min(height, width) / each >= SIDE), default=1)
    if height * width / factor**2 <= _WHOLE_PIXELS:
        return read(Window(0, 0, width, height), shape)
    block_rows, block_cols = raster.block_shapes[0]
    across = min(math.isqrt(_MOST_BLOCKS), math.ceil(width / block_cols))
    down = min(_MOST_BLOCKS // across, math.ceil(height / block_rows))
    parts = [
        [
            read(Window(col, row, cols, rows), _side(rows, cols, down, across))
            for col, cols in _blocks(width, block_cols, across)
        ]
        for row, rows in _blocks(height, block_rows, down)
    ]
    return np.concatenate([np.concatenate(row, axis=-1) for row in parts], axis=-2)


def _blocks(size: int, block: int, count: int) -> list[tuple[int, int]]:
    """Starts and lengths of evenly spaced whole blocks along a side, or of all of them."""
    whole = max(1, size // block)
    numbers = np.unique(np.linspace(0, whole - 1, min(count, whole)).round().astype(int))
    return [(int(number) * block, min(block, size)) for number in numbers]


def _side(rows: int, cols: int, down: int, across: int) -> tuple[int, int]:
    """Rows and columns to take of each block."""
    return max(1, min(rows, SIDE // down)), max(1, min(cols, SIDE // across))
