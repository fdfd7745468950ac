"""Placeholder georeference for images without one."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import rasterio
import rasterio.shutil
from affine import Affine

from geoseg.errors import GeosegError, UsageError

from .open import on_disk, opened, unplaced
from .scene import is_placed, stem

_CRS = "EPSG:32631"
_ORIGIN = (500_000.0, 5_000_000.0)
"""On the central meridian, where the map scale is 0.9996."""


def lacks_georeference(raster: rasterio.DatasetReader) -> bool:
    """Whether a raster lacks a CRS or geotransform, and has neither ground control points nor RPCs."""
    return not is_placed(raster) and not raster.gcps[0] and raster.rpcs is None


@contextmanager
def placed(image: str | Path, gsd_m: float) -> Iterator[str]:
    """Yield the image itself, or a VRT with a placeholder georeference of `gsd_m` if it has none.

    Errors about the VRT name the image. A `gsd_m` that is not positive and finite raises UsageError.
    """
    if not 0 < gsd_m < inf:
        raise UsageError(f"`image_gsd_m` must be a positive number of metres, got {gsd_m}.")
    image = str(image)
    with unplaced(), opened(image, overviews=True) as raster:
        georeferenced = not lacks_georeference(raster)
    if georeferenced:
        yield image
        return
    with TemporaryDirectory(prefix="geoseg-") as folder:
        scene = Path(folder) / f"{stem(image)}.vrt"
        with unplaced():
            rasterio.shutil.copy(Path(image).absolute() if on_disk(image) else image, scene, driver="VRT")
            with rasterio.open(scene, "r+") as dataset:
                dataset.crs = _CRS
                dataset.transform = Affine.translation(*_ORIGIN) @ Affine.scale(gsd_m, -gsd_m)
        with known_as(image, made=str(scene)):
            yield str(scene)


@contextmanager
def known_as(own: str, *, made: str) -> Iterator[None]:
    """Replace the name of the temporary file `made` in errors by the user's `own` file."""
    try:
        yield
    except GeosegError as error:
        raise type(error)(str(error).replace(made, own)) from error
