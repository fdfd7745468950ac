"""Classes and reflectances of rendered scenes."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from geoseg.models.legend import AERIAL


class SurfaceClass(IntEnum):
    """Class ids, in the order of the default model's legend."""

    BUILDING = 0
    LAND = 1
    ROAD = 2
    VEGETATION = 3
    WATER = 4


CLASS_COLOURS = {surface: AERIAL.classes[surface].rgb for surface in SurfaceClass}
"""Red, green and blue of each class."""

Reflectance = tuple[float, float, float, float]
"""Linear reflectance in red, green, blue and near-infrared."""

GROUND: dict[str, Reflectance] = {
    "lawn": (0.060, 0.098, 0.040, 0.46),
    "grass": (0.085, 0.110, 0.052, 0.40),
    "dry_grass": (0.185, 0.160, 0.095, 0.34),
    "litter": (0.112, 0.084, 0.062, 0.22),
    "forest_floor": (0.050, 0.056, 0.034, 0.26),
    "heath": (0.098, 0.086, 0.062, 0.25),
    "maize": (0.045, 0.088, 0.030, 0.50),
    "beet": (0.070, 0.130, 0.045, 0.55),
    "wheat": (0.330, 0.270, 0.150, 0.46),
    "rape": (0.250, 0.245, 0.062, 0.50),
    "stubble": (0.260, 0.220, 0.145, 0.36),
    "soil": (0.130, 0.096, 0.068, 0.21),
    "red_soil": (0.190, 0.110, 0.070, 0.26),
    "pale_soil": (0.270, 0.220, 0.160, 0.34),
    "sand": (0.450, 0.395, 0.315, 0.50),
    "white_sand": (0.580, 0.545, 0.490, 0.60),
    "grey_sand": (0.370, 0.345, 0.315, 0.42),
    "gravel": (0.280, 0.260, 0.230, 0.32),
    "concrete": (0.340, 0.330, 0.305, 0.38),
    "paving": (0.300, 0.250, 0.210, 0.34),
    "yard_asphalt": (0.105, 0.105, 0.106, 0.12),
}

ROAD_SURFACES: dict[str, Reflectance] = {
    "fresh asphalt": (0.050, 0.050, 0.053, 0.06),
    "asphalt": (0.098, 0.097, 0.098, 0.11),
    "old asphalt": (0.165, 0.163, 0.158, 0.18),
    "concrete": (0.310, 0.300, 0.275, 0.35),
    "gravel": (0.270, 0.245, 0.205, 0.31),
    "sand": (0.390, 0.330, 0.255, 0.45),
}

VEGETATED = frozenset(
    {"lawn", "grass", "dry_grass", "litter", "forest_floor", "heath", "maize", "beet", "wheat", "rape", "stubble"}
)
"""Ground covers of class vegetation; the others are land."""


def reflectances(names: list[str], table: dict[str, Reflectance] = GROUND) -> npt.NDArray[np.float32]:
    """Look up reflectances, shape (names, 4)."""
    return np.array([table[name] for name in names], dtype=np.float32).reshape(-1, 4)
