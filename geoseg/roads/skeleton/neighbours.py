"""The eight neighbours of a pixel, counted from east counter-clockwise, and which of them a skeleton links it to."""

import numpy as np

from geoseg.compiled import compiled
from geoseg.roads.arrays import Bytes, Ids

ROW_STEP: Ids = np.array([0, -1, -1, -1, 0, 1, 1, 1])
COLUMN_STEP: Ids = np.array([1, 1, 0, -1, -1, -1, 0, 1])


def _links() -> Bytes:
    """Tabulate the links of a pixel for each of the 256 neighbourhoods (mixed adjacency).

    Two pixels side by side are linked; two that touch by a corner are linked if neither pixel beside both is part of
    the skeleton: the inner corners of a stair then make no triangles.
    """
    there = (np.arange(256)[:, None] >> np.arange(8)) & 1 == 1
    linked = there.copy()
    for corner in (1, 3, 5, 7):
        linked[:, corner] &= ~there[:, corner - 1] & ~there[:, (corner + 1) % 8]
    table: Bytes = (linked << np.arange(8)).sum(axis=1).astype(np.uint8)
    return table


LINKS = _links()
"""Bit set of linked neighbours `(256,)` by the bit set of neighbours that are part of the skeleton."""

LINK_COUNT: Bytes = np.unpackbits(LINKS[:, None], axis=1).sum(axis=1).astype(np.uint8)
"""Number of links `(256,)` by the same."""


@compiled
def neighbours_of(skeleton: Bytes, row: int, col: int) -> int:
    """Return the bit set of the neighbours that are part of the skeleton."""
    found = 0
    for side in range(8):
        found |= skeleton[row + ROW_STEP[side], col + COLUMN_STEP[side]] << side
    return found
