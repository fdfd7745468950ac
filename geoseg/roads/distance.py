"""Distance to the background by a chamfer of steps to 16 neighbours, on any affine grid, in whole numbers."""

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

Distance = npt.NDArray[np.uint16]

UNIT_M = 0.02
"""Distances are whole numbers of this many metres."""

FAR = 65_000

_BACK = np.array([[0, -1], [-1, 0], [-1, -1], [-1, 1], [-1, -2], [-1, 2], [-2, -1], [-2, 1]])
"""Rows and columns of the steps that lead to pixels already passed when reading forward."""


def step_costs(metric: npt.NDArray[np.float64]) -> npt.NDArray[np.uint16]:
    """Return the length `(8,)` of each step under the matrix that takes (columns, rows) to metres."""
    lengths = np.hypot(*(metric @ _BACK[:, ::-1].T))
    costs: npt.NDArray[np.uint16] = np.minimum(np.rint(lengths / UNIT_M), FAR).astype(np.uint16)
    return costs


@compiled
def distances(mask: npt.NDArray[np.uint8], costs: npt.NDArray[np.uint16]) -> Distance:
    """Return the distance `(rows, columns)` from the centre of each mask pixel to that of the nearest other one.

    Pixels that can reach none within the window hold at least `FAR`, and so do the window's outer two rings; distances
    are within 3 % of the Euclidean ones on square pixels.
    """
    rows, cols = mask.shape
    result = np.zeros((rows, cols), np.uint16)
    for row in range(rows):
        outer = row < 2 or row >= rows - 2
        for col in range(cols):
            if not mask[row, col]:
                continue
            if outer or col < 2 or col >= cols - 2:
                result[row, col] = FAR
            else:
                result[row, col] = min(
                    FAR,
                    result[row, col - 1] + costs[0],
                    result[row - 1, col] + costs[1],
                    result[row - 1, col - 1] + costs[2],
                    result[row - 1, col + 1] + costs[3],
                    result[row - 1, col - 2] + costs[4],
                    result[row - 1, col + 2] + costs[5],
                    result[row - 2, col - 1] + costs[6],
                    result[row - 2, col + 1] + costs[7],
                )
    for row in range(rows - 3, 1, -1):
        for col in range(cols - 3, 1, -1):
            if result[row, col]:
                result[row, col] = min(
                    np.int64(result[row, col]),
                    result[row, col + 1] + costs[0],
                    result[row + 1, col] + costs[1],
                    result[row + 1, col + 1] + costs[2],
                    result[row + 1, col - 1] + costs[3],
                    result[row + 1, col + 2] + costs[4],
                    result[row + 1, col - 2] + costs[5],
                    result[row + 2, col + 1] + costs[6],
                    result[row + 2, col - 1] + costs[7],
                )
    return result
