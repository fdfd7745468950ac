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

from geoseg.datasets.codings import describe_near
from geoseg.errors import SceneError
from geoseg.models.legend import LEVELS, NODATA
from geoseg.rasters.georeference import warn
from geoseg.rasters.open import reading
from geoseg.rasters.read import packed_colours
from geoseg.tiling import Roi

from .class_mapping import Codes


@dataclass(frozen=True, kw_only=True)
class FoundValues:
    """Values found so far in a raster."""

    unknown: Counter[int] = field(default_factory=Counter)
    """Pixels of each value that is not in the legend."""
    expected: set[int] = field(default_factory=set)
    """Those of `Codes.expected` that occur."""


def read_ids(raster: DatasetReader, roi: Roi, codes: Codes, found: FoundValues) -> npt.NDArray[np.uint8]:
    """Read the class ids of a region `(rows, columns)`, and add its expected and unknown values to `found`."""
    window = Window.from_slices(*roi)
    with reading(raster):
        if codes.coloured:
            values = packed_colours(raster, raster.read((1,) if raster.count == 1 else (1, 2, 3), window=window))
        else:
            values = raster.read(1, window=window)
        # GDAL would decode the raster a second time for the mask of a nodata value.
        if not codes.coloured and raster.mask_flag_enums[0] == [MaskFlags.nodata]:
            valid = np.asarray(values != raster.nodata)
        elif all(MaskFlags.all_valid in flags for flags in raster.mask_flag_enums):
            valid = np.ones(values.shape, bool)
        else:
            valid = np.asarray(raster.dataset_mask(window=window) != 0)
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


def read_levels(raster: DatasetReader, bands: list[int] | None, window: Window) -> npt.NDArray[np.uint8]:
    """Read probabilities `(bands, rows, columns)` in `LEVELS`, or `NODATA`; floats are rounded.

    `bands` are numbered from 1; None for all.
    """
    with reading(raster):
        values = raster.read(bands, window=window)
    if values.dtype == np.uint8:
        return np.asarray(values)
    valid = (values >= 0) & (values <= 1)
    return np.where(valid, np.rint(np.where(valid, values, 0) * LEVELS), NODATA).astype(np.uint8)


def check_bands(raster: DatasetReader, *, coloured: bool) -> None:
    """Raise SceneError unless a raster holds class ids, or colours if `coloured`."""
    dtype = raster.dtypes[0]
    found = f"{raster.name} has {raster.count} band{'s' if raster.count > 1 else ''} of {dtype}"
    if coloured:
        palette = raster.count == 1 and raster.colorinterp[0] == ColorInterp.palette
        if dtype != "uint8" or not (raster.count in (3, 4) or palette):
            raise SceneError(f"{found}; classes as colours need three bands of uint8.")
    elif raster.count in (3, 4):
        raise SceneError(f"{found}; class ids need one (if its colours are classes, name their `coding`).")
    elif raster.count != 1 or not dtype.startswith(("int", "uint")):
        raise SceneError(f"{found}; class ids need one band of integers.")


def check_probabilities(raster: DatasetReader, predicted: DatasetReader, *, bands: int) -> None:
    """Raise SceneError unless a raster holds probabilities of a prediction."""
    if raster.shape != predicted.shape or raster.count != bands:
        raise SceneError(
            f"{raster.name} has {raster.count} bands of {raster.width} × {raster.height} pixels, where "
            f"{Path(predicted.name).name} needs {bands} of {predicted.width} × {predicted.height}; predict both again."
        )
    in_levels = raster.dtypes[0] == "uint8" and all(math.isclose(scale * LEVELS, 1) for scale in raster.scales)
    if not in_levels and raster.dtypes[0] not in ("float32", "float64"):
        raise SceneError(
            f"{raster.name} holds {raster.dtypes[0]} with scale {raster.scales[0]:g}; probabilities are uint8 with "
            f"scale 1/{LEVELS}, or floats."
        )
