"""Detect incomplete GeoTIFF writes."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio._err import CPLE_BaseError  # GDAL's own errors, some of which rasterio passes on unconverted
from rasterio.errors import RasterioError

from geoseg.files import discard

from .open import cause


def check_complete(path: Path, *, masked: bool = False) -> None:
    """Check that every tile is in the file: rasterio logs write errors on closing, as of a full disk, without raising.

    The tiles of an internal mask are checked too if the file is `masked`.

    Raises
    ------
    OSError
        If a tile is missing or incomplete.
    """
    length = path.stat().st_size
    for name in (str(path), f"GTIFF_DIR:2:{path}") if masked else (str(path),):
        with rasterio.open(name) as written:
            for (row, col), _ in written.block_windows(1):
                start, size = (
                    int(written.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=1) or length + 1)
                    for what in ("OFFSET", "SIZE")
                )
                if start + size > length:
                    raise OSError(errno.EIO, "the file is cut off; is the disk full?")


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn GDAL's write errors into OSError; removes first what a stopped run left under the name.

    Raises
    ------
    OSError
        With the reason as its `strerror`; the caller adds the name that users know.
    """
    discard(target)
    try:
        yield
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise OSError(errno.EIO, _reason(error, target)) from error


def _reason(error: Exception, work: Path) -> str:
    """Reason of the operating system, or else GDAL's without the name of the work file."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = cause(error).replace(str(work), work.name).removeprefix(f"{work.name}: ")
    return f"{words}; is the disk full?"
