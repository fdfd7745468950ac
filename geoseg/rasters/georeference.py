"""Placeholder georeference for images without one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import rasterio
import rasterio.shutil
from affine import Affine

from geoseg.errors import GeosegError

from .open import on_disk, opened, unplaced
from .scene import is_placed, stem

_ANYWHERE = "EPSG:32631"
_ORIGIN = (500_000.0, 5_000_000.0)
"""On the central meridian, where the scale of the map is 0.9996."""


def lacks_georeference(raster: rasterio.DatasetReader) -> bool:
    """Whether a raster lacks a CRS or geotransform, and has neither ground control points nor RPCs."""
    return not is_placed(raster) and not raster.gcps[0] and raster.rpcs is None


@contextmanager
def placed(image: str | Path, gsd_m: float) -> Iterator[str]:
    """Yield a scene to read: `image` itself, or a VRT with a placeholder georeference if it has none.

    Errors about the VRT are passed on with the name of the image.

    Parameters
    ----------
    gsd_m
        Metres per pixel of an image without georeference.

    Raises
    ------
    SceneError
        If the image cannot be opened.
    """
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
                dataset.crs = _ANYWHERE
                dataset.transform = Affine.translation(*_ORIGIN) @ Affine.scale(gsd_m, -gsd_m)
        with known_as(image, made=str(scene)):
            yield str(scene)


@contextmanager
def known_as(own: str, *, made: str) -> Iterator[None]:
    """Replace the name of the temporary file `made` in errors by the name that users know."""
    try:
        yield
    except GeosegError as error:
        raise type(error)(str(error).replace(made, own)) from error
