"""Ground area of each class of a class raster."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from odc.geo.geobox import GeoBox

from geoseg.models.legend import NODATA, Legend
from geoseg.rasters.ground import ground_area


@dataclass(frozen=True, kw_only=True)
class ClassArea:
    """Share and ground area of one class."""

    name: str
    share: float
    """Fraction of the valid pixels, 0 to 1."""
    area_m2: float


class AreaCounter:
    """Counts pixels and ground area of each class, strip by strip from the top."""

    def __init__(self, legend: Legend, grid: GeoBox) -> None:
        self._legend = legend
        self._grid = grid
        self.pixels: npt.NDArray[np.int64] = np.zeros(len(legend), np.int64)
        """Pixels of each class so far."""
        self._area_m2 = np.zeros(len(legend))

    def count(self, strips: Iterable[npt.NDArray[np.uint8]]) -> None:
        """Count all strips `(rows, columns)`; every pixel has the area of the one in the middle of its strip."""
        top = 0
        for strip in strips:
            counts = np.bincount(strip.ravel(), minlength=NODATA + 1)[: len(self._legend)]
            self.pixels += counts
            self._area_m2 += counts * ground_area(self._grid[top : top + len(strip), :])
            top += len(strip)

    def areas(self) -> tuple[ClassArea, ...]:
        """Share and area of each class, in the order of the legend."""
        shares = self.pixels / max(int(self.pixels.sum()), 1)
        return tuple(
            ClassArea(name=name, share=float(share), area_m2=float(area))
            for name, share, area in zip(self._legend.names, shares, self._area_m2, strict=True)
        )
