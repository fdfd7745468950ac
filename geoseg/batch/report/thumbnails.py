"""Thumbnails of class rasters, small enough for a page of many."""

import math
from functools import lru_cache
from math import isqrt
from pathlib import Path

from geoseg.errors import SceneError
from geoseg.pages.page import data_uri
from geoseg.pages.pictures import indexed_png, scaled_size
from geoseg.rasters.opening.open import opened
from geoseg.rasters.read import colormap_of

_BUDGET = 10 * 2**20
"""Approximate limit of the bytes of a page's thumbnails: noise in 16 colours needs as much, maps a fraction."""
_BYTES_PER_PIXEL = 0.5 * 4 / 3
"""Bytes per pixel of an incompressible picture of 16 colours, in base64."""
_LARGEST, _SMALLEST = 240, 32
"""Pixels of the longer side."""
_MOST = int(_BUDGET / _SMALLEST**2 / _BYTES_PER_PIXEL)
"""Number of scenes whose smallest thumbnails fit."""


def choose_side(scenes: int) -> int:
    """Return the longer side of the thumbnails, in pixels, for a number of scenes; 0 if there are too many."""
    side = min(_LARGEST, isqrt(int(_BUDGET / _BYTES_PER_PIXEL / max(1, scenes))))
    return side if side >= _SMALLEST else 0


@lru_cache(maxsize=_MOST)
def draw_thumbnail(path: Path, sha256: str, side: int) -> str | None:
    """Return a thumbnail of a class raster, in the colours of its legend, as a PNG in a data URI.

    It has at most `side` pixels a side, read from overviews. None if the file cannot be read as a class raster. Cached,
    since a report is written many times; `sha256` distinguishes files that replaced each other.
    """
    try:
        with opened(str(path), overviews=True, max_pixels=math.inf) as dataset:
            if dataset.dtypes[0] != "uint8":
                return None
            values = dataset.read(1, out_shape=scaled_size(dataset.shape, side))
            colours = colormap_of(dataset, 1)
    except SceneError:
        return None
    return None if not colours else data_uri("image/png", indexed_png(values, colours))
