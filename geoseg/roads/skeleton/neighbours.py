"""The eight neighbours of a pixel, counter-clockwise from east, and the links between skeleton pixels."""

import numpy as np

from geoseg.compiled import compiled_within
from geoseg.roads.arrays import Bytes, Flags, Ids

ROW_STEP: Ids = np.array([0, -1, -1, -1, 0, 1, 1, 1])
COLUMN_STEP: Ids = np.array([1, 1, 0, -1, -1, -1, 0, 1])
IS_THERE: Flags = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little") > 0
"""Whether each neighbour is in a bit set of them `(256, 8)`."""


def _links() -> Bytes:
    """Tabulate the links of a pixel for each of the 256 neighbourhoods (mixed adjacency).

    Diagonal neighbours are linked only if they share no 4-connected neighbour, so that steps of a staircase are not
    triangles.
    """
    linked = IS_THERE.copy()
    for corner in (1, 3, 5, 7):
        linked[:, corner] &= ~IS_THERE[:, corner - 1] & ~IS_THERE[:, (corner + 1) % 8]
    table: Bytes = (linked << np.arange(8)).sum(axis=1).astype(np.uint8)
    return table


LINKS = _links()
"""Bit set of linked neighbours `(256,)` for each bit set of neighbours in the skeleton."""
LINK_COUNT: Bytes = np.unpackbits(LINKS[:, None], axis=1).sum(axis=1).astype(np.uint8)
"""Number of linked neighbours `(256,)`, likewise."""


@compiled_within
def neighbours_of(skeleton: Bytes, row: int, col: int) -> int:
    """Return the bit set of a pixel's neighbours in the skeleton."""
    found = 0
    for side in range(8):
        found |= skeleton[row + ROW_STEP[side], col + COLUMN_STEP[side]] << side
    return found
