"""What rasterio leaves unsaid about GeoTIFFs that it has written."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio._err import CPLE_BaseError  # GDAL's errors that rasterio passes on as they are
from rasterio.errors import RasterioError

from geoseg.files import discard


def check_complete(path: Path, *, masked: bool = False) -> None:
    """Look for each tile in the file: what a full disk refuses while rasterio closes a raster is logged, not raised.

    `masked` files are those with an internal mask, whose tiles are looked for too.

    Raises
    ------
    OSError
        If a tile is missing or cut off.
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
    """Tell what GDAL cannot write as an error of the system; what a stopped run left under the name goes first.

    Raises
    ------
    OSError
        With the reason as its `strerror`: who holds the folder knows by which name people know it.
    """
    discard(target)
    try:
        yield
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise OSError(errno.EIO, _reason(error, target)) from error


def _reason(error: Exception, work: Path) -> str:
    """Why a raster cannot be written: what the system says, or else what GDAL says, without the work file's name."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = " ".join(str(error.__cause__ or error).split()).rstrip(".")
    return f"{words.replace(str(work), work.name).removeprefix(f'{work.name}: ')}; is the disk full?"
