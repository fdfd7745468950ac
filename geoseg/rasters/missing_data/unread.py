"""Detect failed reads that GDAL does not report: a map of the pixels that it fills in would look like any other.

GDAL reads the offsets of a large GeoTIFF's blocks only when it needs them. If that fails, because a server does, it
logs an error and takes the blocks for missing: they are read as nodata, or black. While a program disables all logging
(`logging.disable`), this goes unnoticed.

Pixel functions of a VRT with the wrong number of sources fail without a message, for which rasterio waits: pixels are
0, or what the memory held before. A checksum fails aloud.
"""

import logging
import threading

from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from geoseg.errors import SceneError
from geoseg.rasters.sources.allowed import open_allowed

_RASTERIO = logging.getLogger("rasterio")
_TELLING = (logging.getLogger("rasterio._err"), logging.getLogger("rasterio._env"))
"""Loggers of GDAL's errors, those that rasterio raises and others."""
_WORDS = "Cannot read offset/size for strile"
"""Of libtiff's message."""
_last = threading.local()


def refuse_unread() -> None:
    """Raise RasterioIOError if a read of this thread has failed so since the last call."""
    message = forget_unread()
    if message is not None:
        raise RasterioIOError("Read failed. See previous exception for details.") from RasterioIOError(message)


def forget_unread() -> str | None:
    """Return the message of such a read of this thread, once."""
    message: str | None = getattr(_last, "message", None)
    _last.message = None
    return message


def refuse_uncomputed(vrt: str) -> None:
    """Raise SceneError if a VRT has a band that GDAL cannot compute."""
    with open_allowed(vrt) as dataset:
        for number in dataset.indexes:
            try:
                dataset.checksum(number, window=Window(0, 0, 1, 1))
            except RasterioIOError as error:
                if error.__cause__ is not None:
                    raise
                raise SceneError(
                    f"{vrt} has a band that GDAL cannot compute, {number}: check that its pixel function has as many "
                    "sources as it needs."
                ) from error


def _notice(record: logging.LogRecord) -> bool:
    """Record a message; other handlers see it only if they would without this filter."""
    text = record.getMessage()
    if _WORDS in text:
        _last.message = text
    return record.levelno >= _RASTERIO.getEffectiveLevel()


for _logger in _TELLING:
    _logger.addFilter(_notice)
    _logger.setLevel(logging.INFO)
