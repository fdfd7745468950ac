"""Layers to paint a scene on, at twice its resolution, with a margin for objects that cast shadows into the image."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from rasterio.features import rasterize
from rasterio.transform import Affine
from shapely.geometry.base import BaseGeometry

from .boxes import Boxes
from .surfaces import SurfaceClass
from .texture import fractal_noise

OVERSAMPLING = 2
MARGIN_M = 32.0


class Canvas:
    """Layers (height, width) in cells of half a pixel.

    Ground coordinates are metres, x to the right and y downwards, with the image's upper left corner at the origin.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int], gsd: float) -> None:
        self.cell_m = gsd / OVERSAMPLING
        self._margin = OVERSAMPLING * int(np.ceil(MARGIN_M / gsd))
        self.shape = (shape[0] * OVERSAMPLING + 2 * self._margin, shape[1] * OVERSAMPLING + 2 * self._margin)
        self.origin_m = -self._margin * self.cell_m
        self.albedo = np.zeros((4, *self.shape), np.float32)
        """Linear reflectance in red, green, blue and near-infrared."""
        self.classes = np.full(self.shape, SurfaceClass.LAND, np.uint8)
        self.heights = np.zeros(self.shape, np.float32)
        """Metres above the ground."""
        self.lighting = np.ones(self.shape, np.float32)
        """Direct light: 1 on level ground, 0 on slopes that face away from the sun."""
        self.grain = fractal_noise(rng, self.shape, coarsest=6.0 / self.cell_m, roughness=0.85)
        """Texture shared by all materials: noise of zero mean and unit variance, with features of metres."""
        self.drift = fractal_noise(rng, self.shape, coarsest=70.0 / self.cell_m, finest=2.0, roughness=0.62)
        """The same, with features of tens of metres."""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in metres, including the margin."""
        height, width = self.shape
        right, bottom = self.origin_m + width * self.cell_m, self.origin_m + height * self.cell_m
        return self.origin_m, self.origin_m, right, bottom

    def burn(self, shapes: Iterable[BaseGeometry]) -> npt.NDArray[np.int32]:
        """Return the number of the topmost shape in each cell, (height, width) int32, from 1; 0 for none."""
        numbered = [(shape, number) for number, shape in enumerate(shapes, 1) if not shape.is_empty]
        if not numbered:
            return np.zeros(self.shape, np.int32)
        transform = Affine(self.cell_m, 0.0, self.origin_m, 0.0, self.cell_m, self.origin_m)
        burnt: npt.NDArray[np.int32] = rasterize(numbered, self.shape, transform=transform, dtype=np.int32)
        return burnt

    def cells_in(self, shapes: Iterable[BaseGeometry]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the flat indices of cells in any shape, and the index of the topmost shape in each."""
        burnt = self.burn(shapes).ravel()
        cells = np.flatnonzero(burnt)
        return cells, burnt[cells].astype(np.int64) - 1

    def cells_at(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return the flat index of the cell at each point (n, 2) in metres; the nearest cell for points outside."""
        cells = np.floor((points - self.origin_m) / self.cell_m).astype(np.int64)
        columns = np.clip(cells[:, 0], 0, self.shape[1] - 1)
        rows = np.clip(cells[:, 1], 0, self.shape[0] - 1)
        return np.asarray(rows * self.shape[1] + columns, np.int64)

    def cells_along(self, starts: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return the unique flat indices of cells on segments from starts (n, 2) to ends (n, 2) in metres."""
        count = np.ceil(np.hypot(*(ends - starts).T) / (0.7 * self.cell_m)).astype(np.int64) + 1
        of = np.repeat(np.arange(len(count)), count)
        step = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count)
        points = starts[of] + (step / np.maximum(count[of] - 1, 1))[:, None] * (ends - starts)[of]
        left, top, right, bottom = self.bounds
        inside = np.all((points > (left, top)) & (points < (right, bottom)), axis=1)
        return np.unique(self.cells_at(points[inside]))

    def cells_within(
        self, areas: Boxes
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Find the cells of many small rectangles faster than `cells_in`.

        Returns flat indices, the rectangle of each cell, and its position along the rectangle from -1 to 1.
        """
        step = 0.8 * self.cell_m
        count = np.maximum(1, np.round(2.0 * areas.half / step)).astype(np.int64)
        each = count.prod(axis=1)
        of = np.repeat(np.arange(len(areas)), each)
        row, column = np.divmod(np.arange(len(of)) - np.repeat(np.cumsum(each) - each, each), count[of, 0])
        along, across = (2.0 * column + 1.0) / count[of, 0] - 1.0, (2.0 * row + 1.0) / count[of, 1] - 1.0
        points = areas[of].at(along * areas.half[of, 0], across * areas.half[of, 1])
        left, top, right, bottom = self.bounds
        inside = np.all((points > (left, top)) & (points < (right, bottom)), axis=1)
        return self.cells_at(points[inside]), of[inside], along[inside]

    def points_of(self, cells: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return x and y of cell centres in metres, given flat indices."""
        rows, columns = np.divmod(cells, self.shape[1])
        half, step, origin = np.float32(0.5), np.float32(self.cell_m), np.float32(self.origin_m)
        return (columns.astype(np.float32) + half) * step + origin, (rows.astype(np.float32) + half) * step + origin

    def paint(
        self,
        cells: npt.NDArray[np.int64],
        colour: npt.NDArray[np.float32],
        *,
        opacity: float | npt.NDArray[np.float32] = 1.0,
    ) -> None:
        """Paint cells (n,), given flat indices; `colour` is (4, n) or (4, 1) linear reflectance."""
        flat = self.albedo.reshape(4, -1)
        for band in range(4):
            if isinstance(opacity, float) and opacity == 1.0:
                flat[band, cells] = colour[band]
            else:
                below = flat[band, cells]
                flat[band, cells] = below + (colour[band] - below) * np.float32(opacity)

    def crop(self, layer: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Cut the margin off a layer (…, height, width)."""
        inner = slice(self._margin, -self._margin)
        return layer[..., inner, inner]
