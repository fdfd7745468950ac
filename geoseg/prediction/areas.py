"""Ground area of each class of a class raster."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from odc.geo.geobox import GeoBox

from geoseg.models.legend import NODATA, Legend
from geoseg.rasters.ground import ground_area

from .memory import STRIP_ROWS


@dataclass(frozen=True, kw_only=True)
class ClassArea:
    """Pixels, share and ground area of one class, or of what is unknown."""

    name: str
    colour: str
    """As `#4a4a4a`."""
    pixels: int
    share: float
    """Fraction of the valid pixels, 0 to 1."""
    area_m2: float


class AreaCounter:
    """Counts pixels and ground area of each class, from the top; every pixel of a strip has the area of its middle."""

    def __init__(self, legend: Legend, grid: GeoBox) -> None:
        self._entries = legend.entries
        self._grid = grid
        self.pixels: npt.NDArray[np.int64] = np.zeros(len(self._entries), np.int64)
        """Pixels of each entry of the legend so far."""
        self._area_m2 = np.zeros(len(self._entries))
        self._strip = np.zeros(len(self._entries), np.int64)
        self._top = 0

    def count(self, rows: npt.NDArray[np.uint8]) -> None:
        """Count the next rows `(rows, columns)`."""
        while len(rows):
            height = min(STRIP_ROWS - self._top % STRIP_ROWS, len(rows))
            self._strip += np.bincount(_with_data(rows[:height]).ravel(), minlength=NODATA + 1)[: len(self._entries)]
            rows = rows[height:]
            self._top += height
            if self._top % STRIP_ROWS == 0 or self._top == self._grid.shape[0]:
                self._finish_strip()

    def _finish_strip(self) -> None:
        top = (self._top - 1) // STRIP_ROWS * STRIP_ROWS
        self._area_m2 += self._strip * ground_area(self._grid[top : self._top, :])
        self.pixels += self._strip
        self._strip[:] = 0

    def areas(self) -> tuple[ClassArea, ...]:
        """Share and area of each entry, in the order of the legend."""
        shares = self.pixels / max(int(self.pixels.sum()), 1)
        return tuple(
            ClassArea(name=entry.name, colour=entry.colour, pixels=int(pixels), share=float(share), area_m2=float(area))
            for entry, pixels, share, area in zip(self._entries, self.pixels, shares, self._area_m2, strict=True)
        )


def _with_data(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Leave out columns without data, which take much longer to count."""
    some = rows.min(axis=0) < NODATA
    return rows if some.all() else rows[:, some]
