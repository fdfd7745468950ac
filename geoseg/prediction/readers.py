"""Read regions of a scene on the model's grid, each in parts by several threads."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import numpy as np
import rasterio

from geoseg.models.engines.hardware import count_cores
from geoseg.rasters.identity import changed
from geoseg.rasters.open import GDAL, opened
from geoseg.rasters.read import Masked, read_imagery
from geoseg.tiling import Roi, cut, prefetch, roi_shape, within

from .memory import MAX_CACHE_BYTES
from .plan import Plan

_MAX_READERS = 8
"""Threads that read, each with a handle of the file; where there are fewer than 16 cores, half as many as cores."""


def read_regions(plan: Plan, regions: Sequence[Roi]) -> Generator[Masked, None, None]:
    """Yield pixels `(rows, columns, bands)`, stored band by band, and validity of regions of the grid.

    Files of tiles are read in parts beside each other, so that a thread finds the tiles that reach into its next region
    decoded; files of rows are read in parts above each other. Raises SceneError if the scene cannot be read.
    """
    with _opened(plan) as dataset:
        count = min(_MAX_READERS, max(1, count_cores() // 2))
        if count == 1:
            for region in regions:
                yield read_imagery(dataset, plan.bands, plan.validity, plan.grid.shape, region)
            return
        divided = [_divide(plan, dataset, region, count) for region in regions]
        with ExitStack() as stack:
            readers = [
                stack.enter_context(closing(prefetch(_read_parts(plan, divided, number), depth=1)))
                for number in range(count)
            ]
            for region, parts in zip(regions, divided, strict=True):
                yield _assemble(region, parts, [next(reader) for reader, _ in zip(readers, parts, strict=False)])


def _read_parts(plan: Plan, divided: Sequence[Sequence[Roi]], number: int) -> Iterator[Masked]:
    """Read one part of each region that has so many, with a handle of its own."""
    with _opened(plan) as dataset:
        for parts in divided:
            if number < len(parts):
                yield read_imagery(dataset, plan.bands, plan.validity, plan.grid.shape, parts[number])


@contextmanager
def _opened(plan: Plan) -> Iterator[rasterio.DatasetReader]:
    """Open the scene, with GDAL's settings for this thread."""
    # Set again: a cluster's workers do not have the caller's settings.
    with rasterio.Env(**GDAL), opened(plan.scene.source, identity=plan.scene.identity) as dataset:
        if dataset.shape != plan.scene.grid.shape:  # a server may not tell what else has changed
            raise changed(plan.scene.source)
        with rasterio.Env(GDAL_CACHEMAX=_cache_bytes(dataset)):
            yield dataset


def _cache_bytes(dataset: rasterio.DatasetReader) -> int:
    """Room for two rows of the file's blocks: neighbouring regions share blocks, and would decode them again."""
    pixel = sum(np.dtype(name).itemsize for name in dataset.dtypes)
    rows: int = max(height for height, _ in dataset.block_shapes)
    wanted: int = 2 * rows * dataset.width * pixel
    return min(max(GDAL["GDAL_CACHEMAX"], wanted), MAX_CACHE_BYTES)


def _divide(plan: Plan, dataset: rasterio.DatasetReader, region: Roi, count: int) -> list[Roi]:
    """Divide a region of the grid into at most so many parts, between blocks of the file."""
    rows, cols = region
    block_rows, block_cols = dataset.block_shapes[0]
    down, along = (worked / native for worked, native in zip(plan.grid.shape, dataset.shape, strict=True))
    if block_cols == dataset.width:
        return [(part, cols) for part in _cut(rows, count, block_rows * down)]
    return [(rows, part) for part in _cut(cols, count, block_cols * along)]


def _cut(span: slice, count: int, unit: float) -> list[slice]:
    """Cut a span into at most `count` parts of similar length at multiples of `unit`."""
    places = np.linspace(span.start, span.stop, count + 1)[1:-1]
    return cut(span, (round(round(place / unit) * unit) for place in places))


def _assemble(region: Roi, parts: Sequence[Roi], read: Sequence[Masked]) -> Masked:
    """Put the parts of a region together."""
    pixels, _ = read[0]
    planes = np.empty((pixels.shape[-1], *roi_shape(region)), pixels.dtype)
    valid = np.empty(roi_shape(region), bool)
    for part, (values, mask) in zip(parts, read, strict=True):
        rows, cols = map(within, part, region)
        planes[:, rows, cols], valid[rows, cols] = np.moveaxis(values, -1, 0), mask
    return np.moveaxis(planes, 0, -1), valid
