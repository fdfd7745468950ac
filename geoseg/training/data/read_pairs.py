"""Read regions of a pair on the model's grid: the image resampled, its labels by nearest neighbour."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.errors import SceneError
from geoseg.rasters.opening.open import opened
from geoseg.rasters.read import read_imagery, scaled
from geoseg.rasters.sources.identity import check_unchanged
from geoseg.tiling import Roi, clip, within

from .label_rasters import read_values
from .label_vectors import VectorCoding, rasterise_labels
from .pairs import Pair

Labelled = tuple[npt.NDArray[np.generic], npt.NDArray[np.uint8]]
"""Pixels `(rows, columns, bands)`, 0 where invalid, and label values `(rows, columns)`."""


Region = tuple[npt.NDArray[Any], npt.NDArray[np.uint8], npt.NDArray[np.bool_]]
"""Pixels and label values likewise, and the validity mask of the image `(rows, columns)`."""


def count_bytes(arrays: Iterable[npt.NDArray[np.generic] | None]) -> int:
    """Count the bytes of arrays in memory."""
    return sum(array.nbytes for array in arrays if array is not None)


def intersect(one: Roi, other: Roi) -> Roi:
    """Intersect two regions."""
    rows, cols = map(clip, one, other)
    return rows, cols


def shift(roi: Roi, origin: Roi) -> Roi:
    """Count rows and columns of a region from the first ones of another."""
    rows, cols = map(within, roi, origin)
    return rows, cols


def read_pair(pair: Pair, roi: Roi, *, as_float: bool = False) -> Region:
    """Read a region of the grid, with pixels in the image's data type, or `as_float` scaled for the network.

    Raises UsageError for unmapped label values.
    """
    pixels, valid = read_image(pair, roi)
    labels = read_labels(pair, roi)
    labels[~valid] = pair.ignored
    if as_float:
        pixels = scaled(pixels, pair.scaling)
        pixels[~valid] = 0
    return pixels, labels, valid


def read_image(pair: Pair, roi: Roi) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
    """Read pixels `(rows, columns, bands)` of a region of the grid, 0 where invalid, and their validity mask."""
    with opened(str(pair.image), overviews=True, identity=pair.image_identity) as image:
        return read_imagery(image, pair.bands, pair.validity, pair.shape, roi)


def read_labels(pair: Pair, roi: Roi) -> npt.NDArray[np.uint8]:
    """Read label values `(rows, columns)` of a region of the grid, regardless of the image's mask."""
    if isinstance(pair.coding, VectorCoding):
        if pair.grid is None:
            raise SceneError(f"{pair.image} has no georeference; vector labels need an image with a CRS.")
        labels = rasterise_labels(pair.label, pair.coding, pair.grid, roi)
        check_unchanged(str(pair.label), pair.labelled.identity)
    else:
        values, valid = read_values(pair, pair.coding, roi)
        labels = pair.coding.encode(values, valid, str(pair.label))
        labels[~valid] = pair.ignored
    if pair.part is not None:
        labels[~pair.part.contains(roi)] = pair.ignored
    return labels
