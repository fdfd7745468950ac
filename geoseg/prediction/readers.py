"""Read regions of a scene on the model's grid, each in parts by several threads."""

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import numpy as np
import rasterio
from rasterio._env import set_gdal_config

from geoseg.models.engines.hardware import count_cores
from geoseg.rasters.missing_data.unwritten import has_mask
from geoseg.rasters.opening.open import GDAL, opened
from geoseg.rasters.read import Masked, in_strips, read_imagery, rows_to_cache
from geoseg.rasters.sources.identity import changed
from geoseg.rasters.sources.servers import on_server
from geoseg.tiling import Roi, cut, is_repeated, prefetch, roi_shape, within

from .memory import MAX_CACHE_BYTES
from .plan import Plan

_MAX_READERS = 8
"""Threads that read, each with a handle of the file; where there are fewer than 16 cores, half as many as cores."""
_TILES_PER_READER = 20
"""Fewest tiles of a remote file for each thread: the two or three at its borders are read by two threads."""
_USUAL_BLOCK = 512
"""Side of a tile of most files."""
_CACHE = "GDAL_CACHEMAX"
"""Set again for each region: it is global, and another thread may lower it to write files of an earlier scene."""


def read_regions(plan: Plan, regions: Sequence[Roi]) -> Generator[Masked, None, None]:
    """Yield pixels `(rows, columns, bands)`, stored band by band, and validity of regions of the grid.

    Tiled files are read in parts side by side, so that a thread finds the tiles that reach into its next region already
    decoded; files of rows are read in parts one below another. Raises SceneError if the scene cannot be read.
    """
    with _opened(plan) as dataset:
        count, cache_bytes = _count_readers(plan, dataset), _cache_bytes(plan, dataset, regions)
        if count == 1:
            for region in regions:
                set_gdal_config(_CACHE, cache_bytes)
                yield read_imagery(dataset, plan.bands, plan.validity, plan.grid.shape, region)
            return
        divided = [_divide(plan, dataset, region, count) for region in regions]
        with ExitStack() as stack:
            readers = [
                stack.enter_context(closing(prefetch(_read_parts(plan, divided, number, cache_bytes), depth=1)))
                for number in range(count)
            ]
            for region, parts in zip(regions, divided, strict=True):
                yield _assemble(region, parts, [next(reader) for reader, _ in zip(readers, parts, strict=False)])


def _read_parts(plan: Plan, divided: Sequence[Sequence[Roi]], number: int, cache_bytes: int) -> Iterator[Masked]:
    """Read part `number` of each region that has it, with a handle of its own."""
    with _opened(plan, cache_bytes) as dataset:
        for parts in divided:
            if number < len(parts):
                set_gdal_config(_CACHE, cache_bytes)
                yield read_imagery(dataset, plan.bands, plan.validity, plan.grid.shape, parts[number])


@contextmanager
def _opened(plan: Plan, cache_bytes: int = GDAL[_CACHE]) -> Iterator[rasterio.DatasetReader]:
    """Open the scene, with GDAL's settings for this thread."""
    # Set again: a cluster's workers do not have the caller's settings.
    options = GDAL | {_CACHE: cache_bytes}
    level = None if plan.overview is None else plan.overview.level
    with rasterio.Env(**options), opened(plan.scene.source, level=level, identity=plan.scene.identity) as dataset:
        if dataset.shape != plan.read_shape:  # a server may not tell what else has changed
            raise changed(plan.scene.source)
        yield dataset


def _count_readers(plan: Plan, dataset: rasterio.DatasetReader) -> int:
    count = min(_MAX_READERS, max(1, count_cores() // 2))
    if not on_server(plan.scene.source) or dataset.shape == plan.grid.shape:
        return count
    # Neighbours need the same tiles for their kernels, and each would ask for them.
    tiles: int = dataset.width // dataset.block_shapes[0][1]
    return min(count, max(1, tiles // _TILES_PER_READER))


def _cache_bytes(plan: Plan, dataset: rasterio.DatasetReader, regions: Sequence[Roi]) -> int:
    """Room for the file's blocks that neighbouring regions share, and would decode again."""
    pixel = sum(np.dtype(name).itemsize for name in dataset.dtypes) + has_mask(dataset, plan.bands, plan.validity)
    widest = max((cols.stop - cols.start for _, cols in regions), default=0) * dataset.width / plan.grid.shape[1]
    # Kernels reach one block beyond at either side, and there is one to spare.
    block = dataset.block_shapes[0][1]
    columns: int = min(math.ceil(widest) + 3 * block, dataset.width + 3 * _USUAL_BLOCK)
    wanted: int = rows_to_cache(dataset, plan.grid.shape) * columns * pixel
    least: int = GDAL[_CACHE]
    return min(max(least, wanted), MAX_CACHE_BYTES)


def _divide(plan: Plan, dataset: rasterio.DatasetReader, region: Roi, count: int) -> list[Roi]:
    """Divide a region of the grid into at most `count` parts, between blocks of the file."""
    rows, cols = region
    block_rows, block_cols = dataset.block_shapes[0]
    down, along = (worked / native for worked, native in zip(plan.grid.shape, dataset.shape, strict=True))
    if in_strips(dataset):
        return [(part, cols) for part in _cut(rows, count, block_rows * down)]
    return [(rows, part) for part in _cut(cols, count, block_cols * along)]


def _cut(span: slice, count: int, unit: float) -> list[slice]:
    """Cut a span into at most `count` parts of similar length at multiples of `unit`."""
    places = np.linspace(span.start, span.stop, count + 1)[1:-1]
    return cut(span, (round(round(place / unit) * unit) for place in places))


def _assemble(region: Roi, parts: Sequence[Roi], read: Sequence[Masked]) -> Masked:
    """Join the parts of a region."""
    pixels, missing = read[0]
    if all(is_repeated(values) for values, _ in read):
        shape = roi_shape(region)
        return np.broadcast_to(pixels[0, 0], (*shape, pixels.shape[-1])), np.broadcast_to(missing[0, 0], shape)
    planes = np.empty((pixels.shape[-1], *roi_shape(region)), pixels.dtype)
    valid = np.empty(roi_shape(region), bool)
    for part, (values, mask) in zip(parts, read, strict=True):
        rows, cols = map(within, part, region)
        planes[:, rows, cols], valid[rows, cols] = np.moveaxis(values, -1, 0), mask
    return np.moveaxis(planes, 0, -1), valid
