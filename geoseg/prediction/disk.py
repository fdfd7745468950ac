"""Estimate the disk space of results and work files."""

import math

from geoseg.rasters.missing_data.unwritten import share_written
from geoseg.rasters.missing_data.validity import Validity
from geoseg.rasters.opening.apart import read_apart
from geoseg.rasters.opening.open import on_disk
from geoseg.rasters.scene import Scene
from geoseg.tiling import Roi, roi_shape

_NOISY = 0.6
"""Largest ratio of compressed to uncompressed bytes; pure noise takes a little more."""
_CONSTANT = 0.002
"""The same ratio for pixels without data: twice the least of deflate."""
_FEWEST = 10**8
"""Pixels of a region large enough to open its file once more for a better estimate."""


def find_share(scene: Scene, bands: tuple[int, ...], validity: Validity, roi: Roi) -> float:
    """Return the share of a region of a scene that may have data; 1 if the region is small or on a server.

    Raises SceneError if the file cannot be read.
    """
    if math.prod(roi_shape(roi)) < _FEWEST or not on_disk(scene.source):
        return 1.0
    return read_apart(
        scene.source, lambda dataset: share_written(dataset, bands, validity, roi), identity=scene.identity
    )


def compressed(pixels: int, layers: float, share: float) -> int:
    """Upper estimate of the bytes of layers of one byte a pixel, a `share` of which has data."""
    return int(pixels * layers * (share * _NOISY + (1 - share) * _CONSTANT))
