"""Ground for images that lie nowhere: prediction needs a place, and any will do."""

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
"""On a central meridian, where a metre of the map is a metre but for 0.04 %."""


def lies_nowhere(raster: rasterio.DatasetReader) -> bool:
    """Whether a raster lacks its CRS or geotransform, and has no points either that it could be warped by."""
    return not is_placed(raster) and not raster.gcps[0] and raster.rpcs is None


@contextmanager
def placed(image: str | Path, gsd_m: float) -> Iterator[str]:
    """Give an image that lies nowhere some place on the ground; yields the scene to read, `image` itself if it has one.

    Errors that speak of the scene are passed on with the name of the image.

    Parameters
    ----------
    gsd_m
        Metres per pixel that the image is taken to have.

    Raises
    ------
    SceneError
        If the image cannot be opened.
    """
    image = str(image)
    with unplaced(), opened(image, overviews=True) as raster:
        nowhere = lies_nowhere(raster)
    if not nowhere:
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
    """Pass on errors that speak of a temporary file with the name that its user knows."""
    try:
        yield
    except GeosegError as error:
        raise type(error)(str(error).replace(made, own)) from error
