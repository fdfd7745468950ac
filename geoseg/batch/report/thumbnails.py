"""Thumbnails of class rasters, small enough for a page of many."""

import io
from collections.abc import Mapping
from functools import lru_cache
from math import isqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from geoseg.errors import SceneError
from geoseg.evaluation.report.page import data_uri
from geoseg.rasters.open import opened

_BUDGET = 10 * 2**20
"""Bytes of all thumbnails of a page, about; those of noise in 16 colours need as much, and maps a fraction of it."""
_BYTES_PER_PIXEL = 0.5 * 4 / 3
"""Of a picture of 16 colours that cannot be compressed, as base64."""
_LARGEST, _SMALLEST = 240, 32
"""Pixels of the longer side."""
_MOST = int(_BUDGET / _SMALLEST**2 / _BYTES_PER_PIXEL)
"""Scenes whose thumbnails fit at their smallest."""


def choose_side(scenes: int) -> int:
    """Return the longer side of each of many thumbnails, in pixels; 0 if they are too many."""
    side = min(_LARGEST, isqrt(int(_BUDGET / _BYTES_PER_PIXEL / max(1, scenes))))
    return side if side >= _SMALLEST else 0


@lru_cache(maxsize=_MOST)
def draw_thumbnail(path: Path, sha256: str, side: int) -> str | None:
    """Return the class raster of a checksum as a PNG in a data URI, in the colours of its legend.

    It has at most `side` pixels a side, from overviews. None if the file cannot be read as a class raster. Kept, since
    a report is written many times; `sha256` tells files apart that replace each other.
    """
    try:
        with opened(str(path), overviews=True) as dataset:
            if dataset.dtypes[0] != "uint8":
                return None
            scale = min(1.0, side / max(dataset.shape))
            height, width = (max(1, round(length * scale)) for length in dataset.shape)
            values = dataset.read(1, out_shape=(height, width))
            colours = dataset.colormap(1)
    except (SceneError, ValueError):  # rasterio's error of a raster without colours
        return None
    return data_uri("image/png", _png(values, colours))


def _png(values: npt.NDArray[np.uint8], colours: Mapping[int, tuple[int, int, int, int]]) -> bytes:
    """Encode pixels `(rows, columns)` with no more colours than they have, in few bits each."""
    present, positions = np.unique(values, return_inverse=True)
    used = [colours.get(int(value), (0, 0, 0, 0)) for value in present]
    picture = Image.fromarray(positions.reshape(values.shape).astype(np.uint8))
    picture.putpalette([part for colour in used for part in colour[:3]])
    target = io.BytesIO()
    picture.save(target, "PNG", transparency=bytes(colour[3] for colour in used))
    return target.getvalue()
