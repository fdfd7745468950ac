"""Estimate the disk space of results and work files."""

import math

from geoseg.rasters.apart import read_apart
from geoseg.rasters.open import on_disk
from geoseg.rasters.scene import Scene
from geoseg.rasters.unwritten import share_written
from geoseg.rasters.validity import Validity
from geoseg.tiling import Roi, roi_shape

_NOISY = 0.6
"""Bytes that compression leaves of a byte at most; of pure noise, a little more."""
_CONSTANT = 0.002
"""Bytes that it leaves of a byte without data: twice the least of deflate."""
_FEWEST = 10**8
"""Pixels of a region of which it matters: it takes opening the file once more."""


def find_share(scene: Scene, bands: tuple[int, ...], validity: Validity, roi: Roi) -> float:
    """Return the share of a region of a scene that its file may have data of; 1 of small ones, and on servers.

    Raises SceneError if the file cannot be read.
    """
    if math.prod(roi_shape(roi)) < _FEWEST or not on_disk(scene.source):
        return 1.0
    return read_apart(
        scene.source, lambda dataset: share_written(dataset, bands, validity, roi), identity=scene.identity
    )


def compressed(pixels: int, layers: float, share: float) -> int:
    """Upper estimate of the bytes of layers of one byte a pixel, of which a share has data."""
    return int(pixels * layers * (share * _NOISY + (1 - share) * _CONSTANT))
