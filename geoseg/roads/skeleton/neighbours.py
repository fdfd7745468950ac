"""The eight neighbours of a pixel, counter-clockwise from east, and which of them a skeleton pixel is linked to."""

import numpy as np

from geoseg.compiled import compiled
from geoseg.roads.arrays import Bytes, Ids

ROW_STEP: Ids = np.array([0, -1, -1, -1, 0, 1, 1, 1])
COLUMN_STEP: Ids = np.array([1, 1, 0, -1, -1, -1, 0, 1])


def _links() -> Bytes:
    """Tabulate the links of a pixel for each of the 256 neighbourhoods (mixed adjacency).

    4-connected pixels are linked; diagonal neighbours only if they share no 4-connected one, so that the corners of a
    staircase are not triangles.
    """
    there = (np.arange(256)[:, None] >> np.arange(8)) & 1 == 1
    linked = there.copy()
    for corner in (1, 3, 5, 7):
        linked[:, corner] &= ~there[:, corner - 1] & ~there[:, (corner + 1) % 8]
    table: Bytes = (linked << np.arange(8)).sum(axis=1).astype(np.uint8)
    return table


LINKS = _links()
"""Bit set of linked neighbours `(256,)`, by the bit set of neighbours in the skeleton."""

LINK_COUNT: Bytes = np.unpackbits(LINKS[:, None], axis=1).sum(axis=1).astype(np.uint8)
"""Number of linked neighbours `(256,)`, by the same."""


@compiled
def neighbours_of(skeleton: Bytes, row: int, col: int) -> int:
    """Return the bit set of the neighbours in the skeleton."""
    found = 0
    for side in range(8):
        found |= skeleton[row + ROW_STEP[side], col + COLUMN_STEP[side]] << side
    return found
