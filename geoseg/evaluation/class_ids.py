"""Read the class ids of rasters, and check that rasters hold class ids."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader

from geoseg.datasets.codings import describe_near
from geoseg.errors import SceneError
from geoseg.messages import warn
from geoseg.models.legend import NODATA
from geoseg.rasters.classes.labels import count_bands, has_palette, read_codes
from geoseg.rasters.opening.open import reading
from geoseg.rasters.opening.palettes import refuse_mixed_palettes
from geoseg.rasters.overlay import Indices
from geoseg.rasters.read import PART_SIDE, Masked, gather
from geoseg.rasters.values import refuse_scaled_ids
from geoseg.sentences import counted
from geoseg.tiling import Roi, roi_shape, within

from .class_mapping import Codes

PART_PIXELS = 2**21
"""About this many pixels are decoded at a time."""


@dataclass(frozen=True, kw_only=True)
class FoundValues:
    """Values found so far in a raster."""

    unknown: Counter[int] = field(default_factory=Counter)
    """Pixels of each value that is not in the legend."""
    expected: set[int] = field(default_factory=set)
    """Those of `Codes.expected` that occur."""


def read_ids(raster: DatasetReader, roi: Roi, codes: Codes, found: FoundValues) -> npt.NDArray[np.uint8]:
    """Read the class ids of a region `(rows, columns)`, and add its expected and unknown values to `found`.

    Of a raster stored in tiles, a few columns of tiles are decoded at a time.
    """
    rows, cols = roi
    ids = np.empty(roi_shape(roi), np.uint8)
    block = raster.block_shapes[0][1]
    step = max(PART_PIXELS // len(ids) // block, 1) * block
    for left in range(cols.start, cols.stop, step):
        part = slice(left, min(left + step, cols.stop))
        ids[:, within(part, cols)] = _to_ids(raster, *_read_values(raster, codes, (rows, part)), codes, found)
    return ids


def sample_ids(
    raster: DatasetReader, places: tuple[Indices, Indices], codes: Codes, found: FoundValues
) -> npt.NDArray[np.uint8]:
    """Read the class ids of single pixels, at rows and columns broadcast to `(n, m)`, as `read_ids` those of a region.

    `NODATA` outside the raster.
    """
    values, valid = gather(partial(_read_values, raster, codes), raster.shape, *places, at_most=PART_SIDE**2)
    return _to_ids(raster, values, valid, codes, found)


def _read_values(raster: DatasetReader, codes: Codes, roi: Roi) -> Masked:
    """Read ids or packed colours of a region, and where they are valid."""
    with reading(raster):
        return read_codes(raster, roi, coloured=codes.coloured)


def _to_ids(
    raster: DatasetReader, values: npt.NDArray[Any], valid: npt.NDArray[np.bool_], codes: Codes, found: FoundValues
) -> npt.NDArray[np.uint8]:
    ids, unknown, near = codes.decode(values)
    unknown &= valid
    if codes.coding is not None and (near & valid).any():
        warn(describe_near(raster.name))
        values[near] = codes.coding.find_nearest(values[near])
    if unknown.any():
        numbers, counts = np.unique(values[unknown], return_counts=True)
        found.unknown.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
    found.expected.update(value for value in codes.expected - found.expected if ((values == value) & valid).any())
    return np.where(valid, ids, np.uint8(NODATA))


def describe_unknown(
    name: str,
    counts: Counter[int],
    codes: Codes,
    advice: str = "exclude it with `ignore`, or check that legend and reference belong together",
) -> str:
    """State which values of a raster are not in the legend, and what to do."""
    value, pixels = counts.most_common(1)[0]
    more = f" (and {counted(len(counts) - 1, 'other value')})" if len(counts) > 1 else ""
    return (
        f"{name} has {counted(pixels, 'pixel')} of {codes.name_of(value)}{more}, which is not in the legend; {advice}."
    )


def check_bands(raster: DatasetReader, *, coloured: bool) -> None:
    """Raise SceneError unless a raster holds class ids, or colours if `coloured`."""
    dtype = raster.dtypes[0]
    found = f"{raster.name} has {counted(raster.count, 'band')} of {dtype}"
    if coloured:
        if dtype != "uint8" or not (raster.count in (3, 4) or (count_bands(raster) == 1 and has_palette(raster))):
            raise SceneError(f"{found}; classes as colours need three bands of uint8.")
        refuse_mixed_palettes(raster)
    elif count_bands(raster) in (3, 4):
        raise SceneError(f"{found}; class ids need one (if its colours are classes, name their `coding`).")
    elif count_bands(raster) != 1 or not dtype.startswith(("int", "uint")):
        raise SceneError(f"{found}; class ids need one band of integers.")
    else:
        refuse_scaled_ids(raster)
