"""Placeholder georeference for images without one."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path

import rasterio
import rasterio.shutil
from affine import Affine

from geoseg.errors import UsageError
from geoseg.messages import known_as
from geoseg.work_folders import temporary_folder

from .geotiff import naming_errors
from .opening.behind import trusting
from .opening.open import on_disk, opened, unplaced
from .scene import is_placed, rpcs_of
from .sources.names import stem

_CRS = "EPSG:32631"
_ORIGIN = (500_000.0, 5_000_000.0)
"""On the central meridian, where the map scale is 0.9996."""


def lacks_georeference(raster: rasterio.DatasetReader) -> bool:
    """Whether a raster lacks a CRS or geotransform, and has neither ground control points nor RPCs."""
    return not is_placed(raster) and not raster.gcps[0] and rpcs_of(raster) is None


@contextmanager
def placed(image: str | Path, gsd_m: float) -> Iterator[str]:
    """Yield the image itself, or a VRT with a placeholder georeference of `gsd_m` if it has none.

    Errors about the VRT name the image. A `gsd_m` that is not positive and finite raises UsageError.
    """
    if not 0 < gsd_m < inf:
        raise UsageError(f"`image_gsd_m` must be a positive number of metres, got {gsd_m}.")
    image = str(image)
    # Whoever reads the image checks its size.
    with unplaced(), opened(image, overviews=True, max_pixels=inf) as raster:
        georeferenced = not lacks_georeference(raster)
    if georeferenced:
        yield image
        return
    with temporary_folder() as folder:
        scene = folder / f"{stem(image)}.vrt"
        with naming_errors(scene), unplaced():
            rasterio.shutil.copy(Path(image).absolute() if on_disk(image) else image, scene, driver="VRT")
            with rasterio.open(scene, "r+") as dataset:
                dataset.crs = _CRS
                dataset.transform = Affine.translation(*_ORIGIN) @ Affine.scale(gsd_m, -gsd_m)
        with known_as(image, made=str(scene)), trusting(scene):
            yield str(scene)
