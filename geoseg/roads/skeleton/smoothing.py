"""Smooth probabilities in integers, so that a pixel's value does not depend on the window."""

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled_as
from geoseg.models.legend import LEVELS
from geoseg.roads.arrays import Bytes

_ONE = 256


def kernel(sigma_px: float) -> npt.NDArray[np.uint32]:
    """Return Gaussian weights `(odd,)` that sum to 256, out to three standard deviations."""
    radius = max(int(np.ceil(3 * sigma_px)), 1)
    offsets = np.arange(-radius, radius + 1)
    shape = np.exp(-0.5 * (offsets / max(sigma_px, 1e-3)) ** 2)
    exact = shape / shape.sum() * _ONE
    weights: npt.NDArray[np.uint32] = np.floor(exact).astype(np.uint32)
    # The largest rounding remainders are added in pairs, to keep the kernel symmetric.
    pairs = (_ONE - int(weights.sum())) // 2
    most = np.argsort(weights[:radius] - exact[:radius], kind="stable")[:pairs]
    weights[most] += 1
    weights[-1 - most] += 1
    weights[radius] += np.uint32(_ONE - int(weights.sum()))
    return weights


def blur(levels: Bytes, down: npt.NDArray[np.uint32], along: npt.NDArray[np.uint32]) -> Bytes:
    """Smooth levels `(rows, columns)` with one kernel down the columns and one along the rows.

    Nodata (above `LEVELS`) and pixels outside the window count as zero.
    """
    rows, cols = levels.shape
    result = np.empty((rows, cols), np.uint8)
    column = np.zeros(cols + 2 * (along.size // 2), np.uint32)
    _blur(np.require(levels, requirements=["C", "W"]), down, along, column, np.empty(cols, np.uint32), result)
    return result


@compiled_as("(uint8[:,::1], uint32[::1], uint32[::1], uint32[::1], uint32[::1], uint8[:,::1])")
def _blur(  # noqa: PLR0917 - compiled: plain arguments
    levels: Bytes,
    down: npt.NDArray[np.uint32],
    along: npt.NDArray[np.uint32],
    column: npt.NDArray[np.uint32],
    total: npt.NDArray[np.uint32],
    result: Bytes,
) -> None:
    """Write smooth levels to `result`; `column` is a padded row, smoothed down the columns, `total` any row."""
    rows, cols = levels.shape
    above, before = down.size // 2, along.size // 2
    # Views of equal length are vectorised by the compiler: four times as fast.
    middle = column[before : before + cols]
    for row in range(rows):
        for col in range(cols):
            middle[col] = 0
        for source in range(max(row - above, 0), min(row + above, rows - 1) + 1):
            weight, strip = down[source - row + above], levels[source]
            for col in range(cols):
                middle[col] += weight * (strip[col] if strip[col] <= LEVELS else 0)
        for col in range(cols):
            total[col] = 32768  # rounds to nearest
        for k in range(along.size):
            weight, part = along[k], column[k : k + cols]
            for col in range(cols):
                total[col] += weight * part[col]
        target = result[row]
        for col in range(cols):
            target[col] = total[col] >> 16
