"""What rasterio leaves unsaid about GeoTIFFs that it has written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio._err import CPLE_BaseError  # GDAL's errors that rasterio passes on as they are
from rasterio.errors import RasterioError

from geoseg.errors import OutputError


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
                    raise OSError("the file is cut off; is the disk full?")


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Tell what GDAL cannot write as an OutputError; what a stopped run left under the name goes first."""
    target.unlink(missing_ok=True)
    try:
        yield
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise OutputError(
            f"{target.name} cannot be written ({error}); is the disk full? "
            "Once that is mended, the same command goes on from here."
        ) from error
