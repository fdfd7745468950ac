"""Read a raster in a thread of its own, so that an interrupt need not wait for a silent server."""

import math
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

import rasterio

from geoseg.rasters.sources.identity import Mark
from geoseg.tiling import prefetch

from .open import GDAL, opened

T = TypeVar("T")


def read_apart(
    source: str,
    read: Callable[[rasterio.DatasetReader], T],
    *,
    level: int | None = None,
    identity: Collection[Mark] = (),
) -> T:
    """Return what `read` makes of a dataset of its own, opened with overviews, or one of these; raises as `opened`.

    The caller must check the raster's size, unless it reads only a few pixels.
    """

    def result() -> Iterator[T]:
        with (
            rasterio.Env(**GDAL),
            opened(source, overviews=level is None, level=level, identity=identity, max_pixels=math.inf) as dataset,
        ):
            yield read(dataset)

    (found,) = prefetch(result())
    return found
