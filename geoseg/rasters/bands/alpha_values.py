"""What an alpha band holds: transparency or an image, and whether colours are multiplied by it (associated alpha)."""

import struct
from collections.abc import Sequence
from itertools import islice

import rasterio

from geoseg.rasters.dtypes import numpy_type
from geoseg.rasters.missing_data.validity import is_partial
from geoseg.rasters.opening.apart import read_apart
from geoseg.rasters.thinning import thin

_OPAQUE = 0.98
"""Alpha from this share of its largest value counts as opaque; lossy compression changes it."""
_FILES = 16
"""Files of a mosaic to look at, at most."""
_EXCEPT = 0.01
"""Share of half-transparent pixels that may have a colour above their alpha, as rounding or compression leaves some."""


def holds_image(raster: rasterio.DatasetReader, number: int) -> bool:
    """Whether a band called alpha holds an image: most of its values other than 0 are not its largest."""
    values = read_apart(raster.name, lambda dataset: thin(dataset, [number]))
    values = values[values > 0]
    return bool(values.size) and bool((values >= _OPAQUE * float(values.max())).mean() < 0.5)


def is_premultiplied(raster: rasterio.DatasetReader, alpha: int) -> bool:
    """Whether colours are multiplied by the band `alpha`, as a GeoTIFF on disk, or one behind a VRT, declares it.

    Pixels must not contradict: some programs declare it of any alpha band.
    """
    dtype = numpy_type(raster.dtypes[alpha - 1])
    if dtype.kind != "u" or not any(map(_is_associated, islice(raster.files, _FILES))):
        return False
    colours = [number for number in raster.indexes if number != alpha]
    values = read_apart(raster.name, lambda dataset: thin(dataset, [*colours, alpha]))
    partial = is_partial(values[-1])
    above = partial & (values[:-1] > values[-1]).any(axis=0)
    return bool(above.sum() <= _EXCEPT * partial.sum())


def _is_associated(path: str) -> bool:
    """Whether a file is a TIFF that says that its colours are multiplied by alpha."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            extra: Sequence[int] = tiff.pages.first.extrasamples
    except (tifffile.TiffFileError, OSError, ValueError, LookupError, struct.error):  # as if it did not say
        return False
    return tifffile.EXTRASAMPLE.ASSOCALPHA in extra
