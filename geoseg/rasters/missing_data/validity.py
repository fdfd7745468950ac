"""Which pixels of a raster have data: alpha, masks, nodata values, and values that the caller says hold none."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import MaskFlags
from rasterio.windows import Window

from geoseg.rasters.dtypes import numpy_type
from geoseg.rasters.thinning import thin, thin_masks

Mask = npt.NDArray[np.bool_]
_HUGE = 1e30
"""Values this large are fill values, such as those of Esri and netCDF, which no sensor measures."""


@dataclass(frozen=True, kw_only=True)
class Validity:
    """How a raster tells pixels without data; decided once for all of it."""

    alpha: int | None = None
    """Number of the band that holds transparency, from 1."""
    premultiplied: bool = False
    """Whether the file holds colours multiplied by it, which are divided by it when they are read."""
    nodata: tuple[float, ...] = ()
    """Values without data that the raster does not declare: one for each band that is read, or none."""

    @property
    def nodata_in_json(self) -> list[float | str]:
        """`nodata` as JSON holds it: a value that is not finite, and never valid anyway, as a text."""
        return [value if math.isfinite(value) else str(value) for value in self.nodata]

    def read(
        self, raster: rasterio.DatasetReader, bands: Sequence[int], window: Window
    ) -> tuple[npt.NDArray[Any], Mask]:
        """Read the values `(bands, rows, columns)` of a window, and their validity `(rows, columns)`."""
        return self._read(
            raster,
            bands,
            lambda numbers: raster.read(numbers, window=window),
            lambda: raster.read_masks(bands, window=window) > 0,
        )

    def sample(self, raster: rasterio.DatasetReader, bands: Sequence[int]) -> tuple[npt.NDArray[Any], Mask]:
        """Read evenly spaced values `(bands, rows, columns)` of the whole raster, and their validity."""
        return self._read(raster, bands, partial(thin, raster), lambda: thin_masks(raster, bands))

    def _read(
        self,
        raster: rasterio.DatasetReader,
        bands: Sequence[int],
        read: Callable[[Sequence[int]], npt.NDArray[Any]],
        read_masks: Callable[[], Mask],
    ) -> tuple[npt.NDArray[Any], Mask]:
        values = read(bands)
        opacity = None if self.alpha is None else read([self.alpha])[0]
        if opacity is not None:
            valid = np.asarray(opacity > 0)
        elif all(is_unmasked(raster, band) for band in bands):
            valid = np.ones(values.shape[1:], bool)
        else:
            valid = _combine(raster, bands, read_masks())
        valid = self._restrict(values, valid, self._unapplied(raster, bands))
        return (divide(values, opacity) if opacity is not None and self.premultiplied else values), valid

    def _restrict(self, values: npt.NDArray[Any], valid: Mask, unapplied: Sequence[float | None]) -> Mask:
        """Take values that are not finite, those of `nodata`, and those that GDAL did not apply, from a mask."""
        if values.dtype.kind == "f":
            valid = valid & np.isfinite(values).all(axis=0)
        for nodata in (self.nodata, unapplied):
            if any(value is not None for value in nodata):
                valid = valid & ~_missing(values, nodata)
        return valid

    def _unapplied(self, raster: rasterio.DatasetReader, bands: Sequence[int]) -> list[float | None]:
        """Declared nodata values that GDAL ignores next to a mask or an alpha band, and that cannot be measurements.

        Other values, such as 0, may be colours there, such as black in lossily compressed images.
        """
        return [
            value if is_fill(value) and (self.alpha is not None or has_own_mask(raster, band)) else None
            for band, value in zip(bands, (raster.nodatavals[band - 1] for band in bands), strict=True)
        ]


def divide(values: npt.NDArray[Any], opacity: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Divide integers `(bands, rows, columns)` by their alpha `(rows, columns)`, whose largest value counts as 1."""
    partial = is_partial(opacity)
    if not partial.any():
        return values
    largest = np.iinfo(opacity.dtype).max
    divided = values.copy()
    divided[:, partial] = np.minimum(np.rint(values[:, partial] * (largest / opacity[partial])), largest)
    return divided


def is_partial(opacity: npt.NDArray[Any]) -> Mask:
    """Where pixels are neither transparent nor opaque."""
    return np.asarray((opacity > 0) & (opacity < np.iinfo(opacity.dtype).max))


def is_fill(nodata: float | None) -> bool:
    """Whether a nodata value cannot be a measurement: negative, NaN or huge. 0 or 255 in one band may be a colour."""
    return nodata is not None and (math.isnan(nodata) or nodata < 0 or nodata >= _HUGE)


def may_have(dtype: np.dtype[Any], value: float) -> bool:
    """Whether values of a data type may be equal to this one."""
    if dtype.kind not in "iu":
        return True
    limits = np.iinfo(dtype)
    return float(value).is_integer() and limits.min <= value <= limits.max


def has_own_mask(raster: rasterio.DatasetReader, band: int) -> bool:
    """Whether a mask, and no alpha band or nodata value, says where a band has data."""
    flags = raster.mask_flag_enums[band - 1]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


def is_unmasked(raster: rasterio.DatasetReader, band: int) -> bool:
    """Whether nothing but an alpha band says where a band has data.

    GDAL's mask of integers takes a nodata value of 1.5, which none has, for 1.
    """
    flags, nodata = raster.mask_flag_enums[band - 1], raster.nodatavals[band - 1]
    if MaskFlags.nodata in flags and nodata is not None:  # NODATA_VALUES of all bands are none of a band
        return not may_have(numpy_type(raster.dtypes[band - 1]), nodata)
    return MaskFlags.all_valid in flags or MaskFlags.alpha in flags


def _missing(values: npt.NDArray[Any], nodata: Sequence[float | None]) -> Mask:
    """Pixels `(rows, columns)` with a nodata value that is not a measurement in any band, or with the others in all."""
    found = np.stack([_has(band, value) for band, value in zip(values, nodata, strict=True)])
    filled = np.array([is_fill(value) for value in nodata])
    missing = found[filled].any(axis=0)
    return np.asarray(missing if filled.all() else missing | found[~filled].all(axis=0))


def _has(band: npt.NDArray[Any], value: float | None) -> Mask:
    """Where a band `(rows, columns)` has a value; nowhere if its data type cannot hold it."""
    if value is None or not may_have(band.dtype, value):
        return np.zeros(band.shape, bool)
    return np.asarray(band == (int(value) if band.dtype.kind in "iu" else value))


def _combine(raster: rasterio.DatasetReader, bands: Sequence[int], masks: Mask) -> Mask:
    """Combine the masks `(bands, rows, columns)` of bands to one `(rows, columns)`.

    A pixel is valid if all masks say so, and all nodata values that cannot be a measurement; of other nodata values,
    one band that differs is enough.
    """
    unmasked = np.array([is_unmasked(raster, band) for band in bands])
    colours = np.array(
        [
            MaskFlags.nodata in raster.mask_flag_enums[band - 1] and not is_fill(raster.nodatavals[band - 1])
            for band in bands
        ]
    )
    valid = masks[~unmasked & ~colours].all(axis=0)
    if colours.any() and not unmasked.any():
        valid &= masks[colours].any(axis=0)
    return np.asarray(valid)
