"""Which bands of a raster hold class ids or colours, where they have data, and what its nodata value hides."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from geoseg.errors import SceneError
from geoseg.rasters.grid import Shape
from geoseg.rasters.missing_data.validity import is_unmasked, may_have
from geoseg.rasters.read import Masked, colormap_of
from geoseg.tiling import Roi

_RGB = ColorInterp.red, ColorInterp.green, ColorInterp.blue


class Hidden(NamedTuple):
    """A nodata value, which hides pixels."""

    nodata: float
    code: int
    """The id, or the packed colour that the nodata values of the bands make."""


def has_alpha(raster: rasterio.DatasetReader) -> bool:
    """Whether a band of a label raster is alpha."""
    return ColorInterp.alpha in raster.colorinterp


def count_bands(raster: rasterio.DatasetReader) -> int:
    """Count the bands of a label raster, without alpha."""
    return int(raster.count) - has_alpha(raster)


def has_palette(raster: rasterio.DatasetReader) -> bool:
    """Whether the values of the first band, besides alpha, are those of a palette."""
    return bool(raster.colorinterp[_own(raster)[0] - 1] == ColorInterp.palette)


def code_bands(raster: rasterio.DatasetReader, *, coloured: bool) -> list[int]:
    """Numbers of the bands of ids, or of colours: a palette, or red, green and blue as GDAL calls them.

    Without these, the first, or first three, besides alpha.
    """
    found = raster.colorinterp
    if not coloured or has_palette(raster):
        return _own(raster)[:1]
    if all(found.count(colour) == 1 for colour in _RGB):
        return [found.index(colour) + 1 for colour in _RGB]
    return _own(raster)[:3]


def _own(raster: rasterio.DatasetReader) -> list[int]:
    """Numbers of the bands besides alpha; the first if there is no other."""
    return [number for number, colour in enumerate(raster.colorinterp, 1) if colour != ColorInterp.alpha] or [1]


def read_codes(raster: rasterio.DatasetReader, roi: Roi, *, coloured: bool) -> Masked:
    """Read ids or packed colours of a region, and where they are labels."""
    window = Window.from_slices(*roi)
    bands = code_bands(raster, coloured=coloured)
    codes = to_codes(raster, raster.read(bands, window=window), coloured=coloured)
    flags = [raster.mask_flag_enums[band - 1] for band in bands]
    if not has_alpha(raster) and all(MaskFlags.all_valid in each for each in flags):
        return codes, np.ones(codes.shape, bool)
    nodata = raster.nodatavals[bands[0] - 1]
    if not has_alpha(raster) and not coloured and flags == [[MaskFlags.nodata]] and may_have(codes.dtype, nodata):
        # GDAL would decode the raster a second time for the mask.
        return codes, np.asarray(codes != int(nodata))
    return codes, is_labelled(raster, bands, window=window)


def to_codes(raster: rasterio.DatasetReader, pixels: npt.NDArray[Any], *, coloured: bool) -> npt.NDArray[np.integer]:
    """Convert pixels `(bands, rows, columns)` of `code_bands` to ids or colours `0xrrggbb`, by the palette if any."""
    if not coloured:
        ids: npt.NDArray[np.integer] = pixels[0]
        return ids
    if pixels.dtype != np.uint8:
        raise SceneError(f"{raster.name} holds {pixels.dtype} colours; colours of labels must be 8-bit.")
    if len(pixels) == 1:
        colormap = colormap_of(raster, *code_bands(raster, coloured=True))
        if not colormap:
            raise SceneError(
                f"{raster.name} is declared a palette image but has no colour table; store its classes as ids."
            )
        palette = np.array([colormap.get(value, (0, 0, 0, 0)) for value in range(256)], np.int32)
        red, green, blue, _ = palette[pixels[0]].transpose(2, 0, 1)
    else:
        red, green, blue = pixels.astype(np.int32)
    packed: npt.NDArray[np.integer] = red << 16 | green << 8 | blue
    return packed


def is_labelled(
    raster: rasterio.DatasetReader, bands: list[int], *, window: Window | None = None, shape: Shape | None = None
) -> npt.NDArray[np.bool_]:
    """Whether pixels `(rows, columns)` of a window have data: in one of the bands, and where an alpha band is not 0.

    `shape` reduces them. GDAL ignores alpha beside a nodata value, or ids of 32 bits.
    """
    alpha = [number for number, each in enumerate(raster.colorinterp, 1) if each == ColorInterp.alpha]

    def out(bands: list[int]) -> tuple[int, int, int] | None:
        return None if shape is None else (len(bands), *shape)

    masks = raster.read_masks(bands, window=window, out_shape=out(bands)) > 0
    masks[[is_unmasked(raster, band) for band in bands]] = True
    if not alpha:
        return np.asarray(masks.any(axis=0))
    opaque = raster.read(alpha, window=window, out_shape=out(alpha)) > 0
    return np.asarray(masks.any(axis=0) & opaque.all(axis=0))


def hidden_value(raster: rasterio.DatasetReader, *, coloured: bool) -> Hidden | None:
    """Find the id or colour of the pixels that a nodata value hides; None if none does, or the raster has neither."""
    bands = code_bands(raster, coloured=coloured)
    found = raster.dtypes[0]
    if not found.startswith(("int", "uint")):
        return None
    if coloured and (found != "uint8" or not (len(bands) == 3 or has_palette(raster))):
        return None
    dtype = np.dtype(found)
    values = [raster.nodatavals[number - 1] for number in bands]
    hidden = (MaskFlags.nodata in raster.mask_flag_enums[number - 1] for number in bands)
    if not all(hidden) or not all(value is not None and may_have(dtype, value) for value in values):
        return None
    pixels = np.array(values).astype(dtype).reshape(-1, 1, 1)
    return Hidden(float(values[0]), int(to_codes(raster, pixels, coloured=coloured)[0, 0]))


def nodata_hides(raster: str, nodata: float, meant: str, *, others: int = 0) -> str:
    """Say that the nodata value of a raster, and of `others`, is a class whose pixels are therefore unlabelled."""
    more = f", as do {others} more" if others else ""
    return (
        f"{raster} declares its value {nodata:g}{f' ({meant})' if meant else ''} as nodata{more}, so that those pixels "
        "are unlabelled: if they are of that class, remove the declaration (`gdal_translate -a_nodata none IN "
        "OUT.tif`)."
    )
