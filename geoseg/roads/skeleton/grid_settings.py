"""The tracer's settings in pixels of a grid."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.models.legend import LEVELS
from geoseg.roads.arrays import Floats
from geoseg.roads.settings import HOLE_ELONGATION, PLAZA_RIM, PROFILE_AHEAD_PX, RoadSettings

from .distance import UNIT_M, step_costs
from .smoothing import kernel


@dataclass(frozen=True, kw_only=True, eq=False)
class GridSettings:
    """A grid, and the tracer's settings in its pixels."""

    shape: tuple[int, int]
    """Height and width of the grid."""
    settings: RoadSettings
    metric: Floats
    """Matrix `(2, 2)` that converts a step (columns, rows) in the middle of the grid to metres; upper triangular."""
    down: npt.NDArray[np.uint32]
    along: npt.NDArray[np.uint32]
    """Smoothing kernels, down the columns and along the rows."""
    level: int
    """Smoothed probability from which a pixel is road, in `LEVELS`."""
    hole_px: int
    """Pixels of the largest filled hole."""
    hole_reach: int
    """Most rows or columns of a filled hole."""
    costs: npt.NDArray[np.uint16]
    """Lengths of chamfer steps `(8,)`."""
    widest: int
    """Distance to the background beyond which pixels are carved out as a plaza, in `distance.UNIT_M`."""
    plaza_rim: int
    """Distance to a plaza within which a road leads around it, in the same unit."""
    iterations: int
    """Iterations that thin the widest road: each removes a pixel on either side, less on diagonals."""
    halo: int
    """Pixels around a block that affect its result."""

    def to_metres(self, points: Floats) -> Floats:
        """Convert columns and rows `(n, 2)` to metres in the plane of the metric."""
        return np.asarray(points @ self.metric.T)

    @property
    def pixel_m(self) -> float:
        """Side of a square with the area of a pixel, metres."""
        return math.sqrt(abs(float(np.linalg.det(self.metric))))


def grid_settings(shape: tuple[int, int], metric: Floats, settings: RoadSettings) -> GridSettings:
    """Convert settings to pixels of a grid, given the metric in its middle."""
    along_m, down_m = np.hypot(*metric)
    smallest = float(min(along_m, down_m))
    pixel_m2 = abs(float(np.linalg.det(metric)))
    down, along = kernel(settings.blur_m / down_m), kernel(settings.blur_m / along_m)
    hole_px = int(settings.max_hole_m2 / pixel_m2)
    hole_reach = min(hole_px, math.ceil(HOLE_ELONGATION * math.sqrt(settings.max_hole_m2) / smallest))
    reach = math.ceil(settings.max_half_width_m / smallest) + 2
    widest = round(settings.max_half_width_m / UNIT_M)
    iterations = math.ceil(math.sqrt(2) * reach) + 2
    return GridSettings(
        shape=shape,
        settings=settings,
        metric=metric,
        down=down,
        along=along,
        level=math.ceil(settings.threshold * LEVELS),
        hole_px=hole_px,
        hole_reach=hole_reach,
        costs=step_costs(metric),
        widest=widest,
        plaza_rim=int(PLAZA_RIM * widest),
        iterations=iterations,
        halo=max(down.size, along.size) // 2 + hole_reach + 1 + reach + 2 * iterations + 2 + PROFILE_AHEAD_PX + 2,
    )
