"""Cut the skeleton of a block into pieces: from node to node, around rings, and up to the block's edge."""

from dataclasses import dataclass

import numpy as np

from geoseg.compiled import compiled
from geoseg.roads.arrays import Bytes, Ids

from .distance import Distance
from .mask import runs
from .neighbours import COLUMN_STEP, LINK_COUNT, LINKS, ROW_STEP, neighbours_of

PLAZA = 8
"""Bit of `Pieces.code` for roads around a plaza; the three lower bits are a direction."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """Runs of skeleton pixels within a block; a pixel's id is row × columns of the grid + column."""

    start: Ids
    """Offsets of the pieces in `code`, `(pieces + 1,)`."""
    ends: Ids
    """Ids of the first and last pixel `(pieces, 2)`."""
    beyond: Ids
    """Ids of the adjoining pixels in other blocks `(pieces, 2)`; -1 at a node, -2 at both ends of a ring."""
    half_width: Distance
    """Distance to the background at the first and last pixel `(pieces, 2)`, in units of `distance.UNIT_M`."""
    code: Bytes
    """Direction from each pixel to the next, an index into `neighbours`, and the bit `PLAZA`."""
    level: Bytes
    """Smoothed probability at each pixel."""
    width: Bytes
    """Width of the road at each pixel, in units of `widths.WIDTH_UNIT_M`."""


@compiled
def walk_pieces(  # noqa: PLR0912, PLR0915 - one walk over all pixels, compiled
    skeleton: Bytes, top: int, left: int, bottom: int, right: int
) -> tuple[Ids, Ids, Ids, Bytes]:
    """Cut the skeleton within a block into pieces; the block is at least two pixels inside the window.

    Returns the index of each pixel in the flattened window `(pixels,)`, the offsets of the pieces `(pieces + 1,)`, the
    index of the pixel beyond either end `(pieces, 2)`, -1 at a node or -2 in a ring, and the direction from each pixel
    to the next `(pixels,)`, 0 at the end of a piece.
    """
    cols = skeleton.shape[1]
    links = np.zeros(skeleton.shape, np.uint8)
    spans = runs(skeleton)
    found = np.empty((spans[:, 2] - spans[:, 1]).sum(), np.int64)
    size, arcs = 0, 0
    for row, first, stop in spans:
        if not top <= row < bottom:
            continue
        for col in range(max(first, left), min(stop, right)):
            around = neighbours_of(skeleton, row, col)
            links[row, col] = LINKS[around]
            found[size] = row * cols + col
            size += 1
            # A node belongs to each of its pieces.
            arcs += 1 if LINK_COUNT[around] == 2 else LINK_COUNT[around]
    places = np.empty(size + arcs, np.int64)
    code = np.zeros(size + arcs, np.uint8)
    start = np.empty(arcs + 1, np.int64)
    outside = np.empty((arcs, 2), np.int64)
    count, filled = 0, 0
    left_to_walk = links.copy()
    # First from nodes, then from the block's edge, then around rings.
    for phase in range(3):
        for pixel in found[:size]:
            row, col = pixel // cols, pixel % cols
            if not left_to_walk[row, col]:
                continue
            two = _count(links[row, col]) == 2
            if two == (phase == 0):
                continue
            for first_side in range(8):
                if not left_to_walk[row, col] >> first_side & 1:
                    continue
                came_from = -1
                if phase == 1:
                    r, c = row + ROW_STEP[first_side], col + COLUMN_STEP[first_side]
                    if top <= r < bottom and left <= c < right:
                        continue
                    came_from = r * cols + c
                    left_to_walk[row, col] &= 255 - (1 << first_side)
                    side = _only(left_to_walk[row, col])
                else:
                    side = first_side
                start[count] = filled
                r, c = row, col
                places[filled] = r * cols + c
                filled += 1
                beyond = -1
                while True:
                    left_to_walk[r, c] &= 255 - (1 << side)
                    onward_r, onward_c = r + ROW_STEP[side], c + COLUMN_STEP[side]
                    if not (top <= onward_r < bottom and left <= onward_c < right):
                        beyond = onward_r * cols + onward_c
                        break
                    r, c = onward_r, onward_c
                    code[filled - 1] = side
                    places[filled] = r * cols + c
                    filled += 1
                    left_to_walk[r, c] &= 255 - (1 << (side ^ 4))
                    if _count(links[r, c]) != 2:
                        break
                    if phase == 2 and r == row and c == col:
                        beyond = came_from = -2
                        break
                    side = _only(left_to_walk[r, c])
                outside[count, 0], outside[count, 1] = came_from, beyond
                count += 1
    start[count] = filled
    return places[:filled], start[: count + 1], outside[:count], code[:filled]


@compiled
def _count(bits: int) -> int:
    total = 0
    for side in range(8):
        total += bits >> side & 1
    return total


@compiled
def _only(bits: int) -> int:
    for side in range(8):
        if bits >> side & 1:
            return side
    return -1
