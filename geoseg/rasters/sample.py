"""Sample the values of a raster: windows on a grid that depends on its shape alone."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import rasterio

from geoseg.tiling import Roi, prefetch

from .grid import Shape
from .missing_data.validity import Validity
from .opening.open import GDAL, opened
from .read import read_pixels
from .values import Units

WINDOW = 64
"""Side of a window in pixels; at multiples of it, so that a window lies in one block of most tiled files."""
WINDOWS = 12
"""Most windows along each side. Smaller rasters are sampled whole."""
SPIKE = 0.01
"""A band's lowest or highest value is fill or saturation if so large a share of its pixels has it."""
_CACHE_BYTES = 64 * 2**20
"""GDAL's block cache: 64 rows of a file in strips, which the windows beside each other share."""


def sample_values(
    source: str, bands: tuple[int, ...], validity: Validity, units: Units
) -> list[npt.NDArray[np.float64]]:
    """Return physical values of sampled valid pixels `(values,)` for each of `bands`, without fill and saturation.

    Neither overviews nor the layout of the file matter. There are none if none of the sampled pixels has data. Raises
    SceneError if the raster cannot be read.
    """
    # In a thread of its own, so that an interrupt need not wait for a server.
    values = np.concatenate(list(prefetch(_read(source, bands, validity))))
    return [_without_spikes(band) * unit.scale + unit.offset for band, unit in zip(values.T, units, strict=True)]


def _read(source: str, bands: tuple[int, ...], validity: Validity) -> Iterator[npt.NDArray[np.generic]]:
    """Yield the valid pixels `(pixels, bands)` of each window."""
    with rasterio.Env(**GDAL | {"GDAL_CACHEMAX": _CACHE_BYTES}), opened(source, max_pixels=math.inf) as dataset:
        for window in sample_windows(dataset.shape):
            values, valid = read_pixels(dataset, bands, validity, window)
            yield values[valid]


def sample_windows(shape: Shape) -> list[Roi]:
    """Windows of a raster to sample, row by row: all of it, or `WINDOWS` evenly spaced along a side."""
    rows, cols = (_spans(size) for size in shape)
    return list(product(rows, cols))


def _spans(size: int) -> list[slice]:
    count = -(-size // WINDOW)
    taken = range(count) if count <= WINDOWS else [int((part + 0.5) * count / WINDOWS) for part in range(WINDOWS)]
    return [slice(number * WINDOW, min((number + 1) * WINDOW, size)) for number in taken]


def _without_spikes(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Leave out the lowest and the highest value where they are more frequent than the tail of a histogram."""
    kept = values.astype(np.float64)
    if not len(kept):
        return kept
    for extreme in (kept.min(), kept.max()):
        if np.count_nonzero(values == extreme) >= SPIKE * len(values):
            kept = kept[kept != extreme]
    return kept
