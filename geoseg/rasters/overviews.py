"""Find the overview of a raster to read in place of its own pixels, where less detail is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import rasterio

from .grid import SAME_GSD, Shape
from .missing_data.unwritten import has_mask
from .missing_data.validity import Validity
from .opening.apart import read_apart
from .scene import Raster
from .thinning import thin_masks


@dataclass(frozen=True, kw_only=True)
class Overview:
    """A reduced version of a raster, stored beside its own pixels."""

    level: int
    """GDAL's number of it, from 0."""
    shape: Shape

    def to_json(self) -> dict[str, Any]:
        """Level, and width and height in pixels."""
        return {"level": self.level, "size": [self.shape[1], self.shape[0]]}

    def __str__(self) -> str:
        return f"level {self.level}, {self.shape[1]:,} × {self.shape[0]:,} pixels"


def find_overview(raster: Raster, bands: Sequence[int], validity: Validity, shape: Shape) -> Overview | None:
    """Find the smallest overview of some bands that is as fine as a grid of `shape` over the raster's extent.

    None if there is none, or if it lacks the raster's mask: GDAL would call all of its pixels valid. Raises SceneError.
    """

    def looked_at(dataset: rasterio.DatasetReader) -> _Found:
        masked = has_mask(dataset, bands, validity)
        return _Found(
            shape=dataset.shape,
            flags=[dataset.mask_flag_enums[band - 1] for band in bands],
            overviews=min(len(dataset.overviews(band)) for band in bands),
            valid=not masked or bool(thin_masks(dataset, bands).all()),
        )

    whole = read_apart(raster.source, looked_at, identity=raster.identity)
    for level in reversed(range(whole.overviews)):
        found = read_apart(raster.source, looked_at, level=level, identity=raster.identity)
        fine = all(size * (1 + SAME_GSD) >= wanted for size, wanted in zip(found.shape, shape, strict=True))
        if fine and found.flags == whole.flags and (whole.valid or not found.valid):
            return Overview(level=level, shape=found.shape)
    return None


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What is known of a raster, or of an overview."""

    shape: Shape
    flags: list[Any]
    """Of GDAL's mask of each band."""
    overviews: int
    valid: bool
    """Whether all pixels of a sample are valid, by a mask beside the bands."""
