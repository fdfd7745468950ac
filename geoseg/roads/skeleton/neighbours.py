"""The eight neighbours of a pixel, counted from east counter-clockwise, and which of them a skeleton links it to."""

import numpy as np
import numpy.typing as npt

ROW_STEP: npt.NDArray[np.int64] = np.array([0, -1, -1, -1, 0, 1, 1, 1])
COLUMN_STEP: npt.NDArray[np.int64] = np.array([1, 1, 0, -1, -1, -1, 0, 1])


def _links() -> npt.NDArray[np.uint8]:
    """Tabulate the links of a pixel for each of the 256 neighbourhoods (mixed adjacency).

    Two pixels side by side are linked; two that touch by a corner are linked if neither pixel beside both is part of
    the skeleton: the inner corners of a stair then make no triangles.
    """
    there = (np.arange(256)[:, None] >> np.arange(8)) & 1 == 1
    linked = there.copy()
    for corner in (1, 3, 5, 7):
        linked[:, corner] &= ~there[:, corner - 1] & ~there[:, (corner + 1) % 8]
    table: npt.NDArray[np.uint8] = (linked << np.arange(8)).sum(axis=1).astype(np.uint8)
    return table


LINKS = _links()
"""Bit set of linked neighbours `(256,)` by the bit set of neighbours that are part of the skeleton."""

LINK_COUNT: npt.NDArray[np.uint8] = np.unpackbits(LINKS[:, None], axis=1).sum(axis=1).astype(np.uint8)
"""Number of links `(256,)` by the same."""
