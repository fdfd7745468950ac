"""Placeholder georeference for images without one."""

import warnings
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from pathlib import Path

import rasterio
import rasterio.shutil
from affine import Affine

from geoseg.errors import GeosegError, GeosegWarning, UsageError
from geoseg.work_folders import temporary_folder

from .behind import trusting
from .geotiff import naming_errors
from .open import on_disk, opened, unplaced
from .scene import is_placed, rpcs_of
from .source_names import stem

_CRS = "EPSG:32631"
_ORIGIN = (500_000.0, 5_000_000.0)
"""On the central meridian, where the map scale is 0.9996."""

_OWN_NAMES: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("own names", default=())
"""Temporary files, and the user's own names of them."""


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


@contextmanager
def known_as(own: str, *, made: str) -> Iterator[None]:
    """Replace the name of the temporary file `made` in errors and in `warn` by the user's `own` file."""
    names = _OWN_NAMES.get()
    _OWN_NAMES.set((*names, (made, own)))
    try:
        yield
    except GeosegError as error:
        raise type(error)(str(error).replace(made, own)) from error
    finally:
        _OWN_NAMES.set(names)


def warn(sentence: str) -> None:
    """Issue a GeosegWarning; a temporary file in it is called by the user's own name."""
    for made, own in reversed(_OWN_NAMES.get()):
        sentence = sentence.replace(made, own)
    warnings.warn(sentence, GeosegWarning, stacklevel=2)


def report_once(found: Iterable[tuple[Hashable, str]]) -> None:
    """Warn with the first sentence of each key, and count the others."""
    sentences: dict[Hashable, list[str]] = defaultdict(list)
    for key, sentence in found:
        sentences[key].append(sentence)
    for first, *others in sentences.values():
        more = f" The same holds for {len(others)} more image{'s' * (len(others) > 1)}." if others else ""
        warn(first + more)
