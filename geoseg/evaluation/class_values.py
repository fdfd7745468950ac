"""Read and check class rasters and rasters of probabilities."""

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geoseg.errors import SceneError
from geoseg.models.legend import LEVELS, NODATA
from geoseg.rasters.open import reading
from geoseg.rasters.read import packed_colours

from .class_mapping import Codes


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """Values found so far in a raster."""

    unknown: Counter[int] = field(default_factory=Counter)
    """Pixels of each value that is not in the legend."""
    met: set[int] = field(default_factory=set)
    """Expected values that were found."""


def read_ids(raster: DatasetReader, roi: tuple[slice, slice], codes: Codes, noticed: Noticed) -> npt.NDArray[np.uint8]:
    """Ids of a region `(rows, columns)`; adds expected and unknown values to `noticed`."""
    window = Window.from_slices(*roi)
    with reading(raster):
        if codes.coloured:
            values = packed_colours(raster, raster.read((1,) if raster.count == 1 else (1, 2, 3), window=window))
        else:
            values = raster.read(1, window=window)
        # GDAL would decode the raster a second time for the mask of a nodata value.
        if not codes.coloured and raster.mask_flag_enums[0] == [MaskFlags.nodata]:
            valid = np.asarray(values != raster.nodata)
        else:
            valid = _valid(raster, window)
    ids, meaningless = codes.decode(values)
    meaningless &= valid
    if meaningless.any():
        found, counts = np.unique(values[meaningless], return_counts=True)
        noticed.unknown.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
    noticed.met.update(value for value in codes.expected - noticed.met if ((values == value) & valid).any())
    return np.where(valid, ids, np.uint8(NODATA))


def _valid(raster: DatasetReader, window: Window) -> npt.NDArray[np.bool_]:
    if all(MaskFlags.all_valid in flags for flags in raster.mask_flag_enums):
        return np.ones((window.height, window.width), bool)
    return np.asarray(raster.dataset_mask(window=window) != 0)


def read_levels(raster: DatasetReader, bands: list[int] | None, window: Window) -> npt.NDArray[np.uint8]:
    """Probabilities `(bands, rows, columns)` in `LEVELS`, `NODATA` where not valid; floats are rounded.

    `bands` are numbered from 1; None for all.
    """
    with reading(raster):
        values = raster.read(bands, window=window)
    if values.dtype == np.uint8:
        return np.asarray(values)
    with_data = (values >= 0) & (values <= 1)
    return np.where(with_data, np.rint(np.where(with_data, values, 0) * LEVELS), NODATA).astype(np.uint8)


def check_bands(raster: DatasetReader, *, coloured: bool) -> None:
    """Raise SceneError unless a raster holds class ids, or colours if `coloured`."""
    dtype = raster.dtypes[0]
    found = f"{raster.name} has {raster.count} band{'s' if raster.count > 1 else ''} of {dtype}"
    if coloured:
        if dtype != "uint8" or not (raster.count in (3, 4) or _has_palette(raster)):
            raise SceneError(f"{found}; classes as colours need three bands of uint8.")
    elif raster.count in (3, 4):
        raise SceneError(f"{found}; class ids need one (if its colours are classes, name their `coding`).")
    elif raster.count != 1 or not dtype.startswith(("int", "uint")):
        raise SceneError(f"{found}; class ids need one band of integers.")


def _has_palette(raster: DatasetReader) -> bool:
    return bool(raster.count == 1 and raster.colorinterp[0] == ColorInterp.palette)


def check_beside(raster: DatasetReader, predicted: DatasetReader, *, bands: int) -> None:
    """Raise SceneError unless probabilities belong to the prediction next to them."""
    if raster.shape != predicted.shape or raster.count != bands:
        raise SceneError(
            f"{raster.name} has {raster.count} bands of {raster.width} × {raster.height} pixels, where "
            f"{Path(predicted.name).name} needs {bands} of {predicted.width} × {predicted.height}; predict both again."
        )
    by_level = raster.dtypes[0] == "uint8" and all(math.isclose(scale * LEVELS, 1) for scale in raster.scales)
    if not by_level and raster.dtypes[0] not in ("float32", "float64"):
        raise SceneError(
            f"{raster.name} holds {raster.dtypes[0]} with scale {raster.scales[0]:g}; probabilities are uint8 with "
            f"scale 1/{LEVELS}, or floats."
        )
