"""Draw the random changes of training windows, as numbers that the device applies."""

import math

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from geoseg.training.recipe.learning import Augmentation

Changes = dict[str, npt.NDArray[np.generic]]
"""Changes of a batch, each array with one entry per window:

`matrix (windows, 2, 2)` turns rows and columns from a window's centre into those of its source; `colours (windows, 3,
3)` multiplies red, green and blue, as a row; `contrast` multiplies the difference from the mean of each band, and
`brightness` is added, on the scale 0-255; `blur (windows, 3)` holds the weights of a pixel and of its neighbours at one
and two pixels, in rows and in columns; `noise` is the standard deviation of the noise, on the scale 0-255, and
`noise_start` the row of the table of normal numbers that it starts from.
"""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey; saturation is the distance from it (ITU-R BT.601)."""
NOISE_STARTS = 2**16
"""Start positions in the table of normal numbers."""
BLUR_REACH = 2
"""Pixels on each side that a blurred pixel depends on."""


def margin_side(choice: Augmentation, side: int) -> int:
    """Side in pixels of the source square that a window of `side` may need; differs from it by an even number."""
    angle = math.radians(min(choice.rotation, 45))
    reach = (side - 1 + 2 * BLUR_REACH) * (1 + choice.zoom) * (math.cos(angle) + math.sin(angle))
    return side + 2 * math.ceil((reach + 1 - side) / 2 - 1e-9)


def draw_changes(choice: Augmentation, random: np.random.Generator, windows: int, *, colour: bool) -> Changes:
    """Draw the changes of a batch; `colour` means that saturation and hue may change."""

    def draw(most: float) -> npt.NDArray[np.float64]:
        return random.uniform(-most, most, windows)

    changes = {
        "matrix": _draw_matrices(choice, random, windows),
        "colours": _mix_colours(1 + draw(choice.saturation), math.pi * draw(choice.hue)),
        "contrast": 1 + draw(choice.contrast),
        "brightness": 255 * draw(choice.brightness),
        "blur": _weigh_blur(random.uniform(0, choice.blur, windows)),
        "noise": 255 * random.uniform(0, choice.noise, windows),
    }
    if not colour:
        changes["colours"][:] = np.eye(3)
    start = random.integers(NOISE_STARTS, size=windows, dtype=np.int32)
    return {name: values.astype(np.float32) for name, values in changes.items()} | {"noise_start": start}


def _draw_matrices(choice: Augmentation, random: np.random.Generator, windows: int) -> npt.NDArray[np.float64]:
    """Draw flips, quarter turns, rotation and zoom as matrices `(windows, 2, 2)`; exact without the last two."""
    may_flip = (choice.flips is True, choice.flips is not False)
    flips = 1 - 2.0 * (random.integers(2, size=(windows, 2)) * may_flip)
    quarters = random.integers(4, size=windows) * choice.right_angles
    turns = np.array([[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, -1]], [[0, 1], [-1, 0]]])[quarters]
    angles = np.radians(random.uniform(-choice.rotation, choice.rotation, windows))
    rotations = np.stack([np.cos(angles), -np.sin(angles), np.sin(angles), np.cos(angles)], axis=-1).reshape(-1, 2, 2)
    scales = 1 + random.uniform(-choice.zoom, choice.zoom, windows)
    return np.asarray(scales[:, None, None] * (turns @ rotations * flips[:, None]))


def _mix_colours(saturation: npt.NDArray[np.float64], angles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Matrices `(windows, 3, 3)` that scale the distance from grey, then turn colours around the grey axis.

    Haeberli, 1993, Matrix operations for image processing.
    """
    saturated = saturation[:, None, None] * np.eye(3) + (1 - saturation)[:, None, None] * np.array(LUMA)[:, None]
    axis = np.full(3, 1 / math.sqrt(3))
    return np.asarray(saturated @ Rotation.from_rotvec(angles[:, None] * axis).as_matrix().swapaxes(1, 2))


def _weigh_blur(deviations: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weights `(windows, 3)` of a pixel and its neighbours for normal blur of a standard deviation in pixels."""
    steps = np.arange(BLUR_REACH + 1)
    weights = np.exp(-0.5 * (steps / np.maximum(deviations, 1e-3)[:, None]) ** 2)
    return np.asarray(weights / (weights @ np.where(steps, 2, 1))[:, None])
