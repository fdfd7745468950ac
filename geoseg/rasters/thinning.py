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
_WHOLE_PIXELS = 2**22
"""A raster, or its smallest sufficient overview, is read at once up to this size."""
_MOST_BLOCKS = 256
"""Blocks to read of a larger one, at most."""
_CACHE_BYTES = 64 * 2**20
"""GDAL's block cache. A reduced read goes row by row, and would decode blocks that do not fit for each row."""


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
    factor = max((each for each in raster.overviews(1) if min(height, width) / each >= SIDE), default=1)
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES):
        if height * width / factor**2 <= _WHOLE_PIXELS:
            return read(Window(0, 0, width, height), (min(height, SIDE), min(width, SIDE)))
        block_rows, block_cols = raster.block_shapes[0]
        across = min(math.isqrt(_MOST_BLOCKS), math.ceil(width / block_cols))
        down = min(_MOST_BLOCKS // across, math.ceil(height / block_rows))
        parts = [
            [
                read(Window(col, row, cols, rows), (rows_taken, cols_taken))
                for col, cols, cols_taken in _blocks(width, block_cols, across)
            ]
            for row, rows, rows_taken in _blocks(height, block_rows, down)
        ]
    return np.concatenate([np.concatenate(row, axis=-1) for row in parts], axis=-2)


def _blocks(size: int, block: int, count: int) -> list[tuple[int, int, int]]:
    """Start, length and number of pixels to take of all blocks along a side, or of evenly spaced whole ones."""
    if count >= math.ceil(size / block):
        starts = list(range(0, size, block))
    else:
        starts = [int(number) * block for number in np.linspace(0, size // block - 1, count).round()]
    lengths = [min(block, size - start) for start in starts]
    share = min(1.0, SIDE / sum(lengths))
    return [(start, length, max(1, int(share * length))) for start, length in zip(starts, lengths, strict=True)]
