"""Which rasters are opened: formats without surprises, and no more pixels, in all and at a time, than a limit."""

import os
from collections.abc import Callable, Collection

from rasterio._err import CPLE_BaseError
from rasterio._path import _parse_path  # of names that begin with a scheme: `rasterio.open` takes no list of drivers
from rasterio.enums import Interleaving
from rasterio.env import Env, ensure_env_with_credentials
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader

from geoseg.errors import SceneError, UsageError
from geoseg.messages import warn
from geoseg.rasters.dtypes import numpy_type
from geoseg.rasters.grid import Shape

_FILES = (
    *("GTiff", "JPEG", "JPEGXL", "JP2ECW", "JP2KAK", "JP2MrSID", "JP2OpenJPEG", "PNG", "WEBP", "AVIF", "HEIF", "BMP"),
    *("GIF", "BIGGIF", "PNM", "HFA", "ENVI", "EHdr", "ECW", "MrSID", "RST", "SAGA", "AIG", "NITF"),
    *("GPKG", "MBTiles", "OpenFileGDB", "netCDF", "HDF5", "HDF5Image"),
)
INDICES = ("GTI", "STACIT", "DIMAP", "SAFE", "SENTINEL2", "PCIDSK")
"""Drivers of files that name other files in ways that geoseg does not read."""
DRIVERS = [*_FILES, "VRT", *INDICES]
"""GDAL drivers that may open a raster. The others ask servers of their own accord (WMS, WCS, EEDA …), read memory
(MEM), derive rasters (DERIVED), parse text of any kind (XYZ, AAIGrid …), write as they read (MRF), or hold no
imagery."""
NEEDED = ("GTiff", "COG", "VRT")
"""GDAL drivers that a prediction cannot do without."""
MAX_PIXELS = 10**12
"""Pixels of a raster, unless the user says otherwise: 100 km × 100 km at 10 cm, or a day and more on a fast machine."""
MAX_PIXELS_VARIABLE = "GEOSEG_MAX_PIXELS"
_MAX_BLOCK = 2**30
"""Bytes of a block, which GDAL unpacks whole for the first of its pixels: 8192 × 8192 of 4 bands of float32."""

open_allowed: Callable[..., DatasetReader] = ensure_env_with_credentials(
    lambda source, **options: DatasetReader(_parse_path(source), driver=DRIVERS, sharing=False, **options)
)
"""Open a raster by its name as `rasterio.open` does, with one of `DRIVERS`."""


def drivers() -> Collection[str]:
    """Return the names of GDAL's drivers of rasters here."""
    with Env() as environment:
        names: Collection[str] = environment.drivers().keys()
    return names


def check_drivers() -> None:
    """Raise UsageError if GDAL lacks one of the drivers `NEEDED`."""
    present = drivers()
    for name in NEEDED:
        if name not in present:
            skipped = os.environ.get("GDAL_SKIP")
            advice = f"unset GDAL_SKIP, which is {skipped}" if skipped else "`geoseg doctor` says what to do"
            raise UsageError(f"GDAL has no driver {name}, which predictions need; {advice}.")


def most_pixels() -> int:
    """Return the limit of the environment variable GEOSEG_MAX_PIXELS, or else `MAX_PIXELS`; raises UsageError."""
    text = os.environ.get(MAX_PIXELS_VARIABLE)
    if text is None:
        return MAX_PIXELS
    try:
        limit = int(float(text))
    except (OverflowError, ValueError):
        limit = 0
    if limit < 1:
        raise UsageError(f"the environment variable {MAX_PIXELS_VARIABLE} must be a number of pixels, not {text!r}.")
    return limit


def check_size(name: str, shape: Shape, max_pixels: float | None, *, what: str = "has") -> None:
    """Raise SceneError for more pixels than `max_pixels`, or if that is None, than `most_pixels`."""
    limit = most_pixels() if max_pixels is None else max_pixels
    rows, cols = shape
    if rows * cols > limit:
        raise SceneError(
            f"{name} {what} {cols} × {rows} = {rows * cols:.3g} pixels, more than the limit of {limit:.3g}, which "
            "guards against small files that unpack to far too much; if that is meant, raise it with the environment "
            f"variable {MAX_PIXELS_VARIABLE}, or that of a prediction with `max_pixels`."
        )


def report_turned(name: str, dataset: DatasetReader) -> None:
    """Warn of a photo that viewers turn or mirror by its EXIF orientation, which GDAL and its users do not."""
    orientation = dataset.tags().get("EXIF_Orientation", "1")
    if orientation in map(str, range(2, 9)):
        warn(
            f"{name} is read as it is stored, while photo viewers turn or mirror it (its EXIF orientation is "
            f"{orientation}): results look turned beside it, and labels drawn in such a viewer do not fit."
        )


def check_bands(name: str, dataset: DatasetReader) -> None:
    """Raise SceneError for a file without bands of its own, which only contains other rasters.

    A GeosegWarning reports images after the first, as a TIFF may have; RasterioIOError that they cannot be listed, as
    where a file is cut off.
    """
    found = dataset.subdatasets
    try:
        _ = dataset.colorinterp  # raises an error of the line above, which rasterio leaves pending
    except CPLE_BaseError as error:
        raise RasterioIOError(str(error)) from error
    if dataset.count and len(found) > 1:
        warn(f"{name} holds {len(found)} images, of which the first is read; for another, name it: {found[1]}.")
    if dataset.count == 0:
        which = "its subdataset" if len(found) == 1 else f"one of its {len(found)} subdatasets, such as"
        advice = f"; name {which} {found[0]}" if found else ""
        raise SceneError(f"{name} has no bands of its own{advice}.")


def check_blocks(name: str, dataset: DatasetReader) -> None:
    """Raise SceneError for blocks of more bytes than `_MAX_BLOCK`; strips that GDAL reads row by row do not count."""
    together = dataset.count if dataset.interleaving == Interleaving.pixel else 1
    sizes = [
        height * width * together * numpy_type(dtype).itemsize
        for (height, width), dtype in zip(dataset.block_shapes, dataset.dtypes, strict=True)
    ]
    largest = max(sizes)
    if largest > _MAX_BLOCK:
        height, width = dataset.block_shapes[sizes.index(largest)]
        raise SceneError(
            f"{name} is stored in blocks of {width} × {height} pixels, each of which unpacks to {largest / 1e9:.1f} GB "
            f"at once, more than the limit of {_MAX_BLOCK / 1e9:.1f} GB; write it in smaller ones (`gdal_translate -co "
            "TILED=YES -co COMPRESS=DEFLATE IN OUT.tif`)."
        )
