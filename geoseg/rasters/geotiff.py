"""Write GeoTIFFs: errors in plain words, and none that is incomplete."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio._err import CPLE_BaseError  # GDAL's own errors, some of which rasterio passes on unconverted
from rasterio.errors import RasterioError

from geoseg.files import discard
from geoseg.write_errors import refused

from .opening.open import cause


def check_complete(path: Path, *, masked: bool = False, written: npt.NDArray[np.bool_] | None = None) -> None:
    """Raise OSError if a tile of the file, or of its internal mask if `masked`, is missing or incomplete.

    On a full disk, rasterio only logs the errors of closing a file. Of a sparse file, `written` are the tiles
    `(rows, columns)` that must be there.
    """
    length = path.stat().st_size
    for name in (str(path), f"GTIFF_DIR:2:{path}") if masked else (str(path),):
        with rasterio.open(name) as raster:
            for (row, col), _ in raster.block_windows(1):
                if written is not None and not written[row, col]:
                    continue
                start, size = (
                    int(raster.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=1) or length + 1)
                    for what in ("OFFSET", "SIZE")
                )
                if start + size > length:
                    raise refused(path, EOFError(), "the file is cut off")


@contextmanager
def writing_geotiff(target: Path) -> Iterator[None]:
    """Remove what a stopped run left at `target`, and turn GDAL's write errors into OSErrors with a `strerror`."""
    discard(target)
    with naming_errors(target):
        yield


@contextmanager
def naming_errors(target: Path) -> Iterator[None]:
    """Turn GDAL's errors of writing `target` into OSErrors with a `strerror`."""
    try:
        yield
    except (RasterioError, CPLE_BaseError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # it has a reason
        said = cause(error).replace(str(target), target.name).removeprefix(f"{target.name}: ")
        raise refused(target, error, said) from error
