"""Cut the skeleton of a block into pieces: from node to node, around rings, and up to the block's edge."""

from dataclasses import dataclass

import numpy as np

from geoseg.compiled import compiled_as
from geoseg.roads.arrays import Bytes, Ids

from .distance import Distance
from .mask import runs
from .neighbours import COLUMN_STEP, LINK_COUNT, LINKS, ROW_STEP

_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
_BIT_COUNT: Bytes = _BITS.sum(axis=1).astype(np.uint8)
_LOWEST_BIT: Bytes = _BITS.argmax(axis=1).astype(np.uint8)
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


def empty_pieces() -> Pieces:
    """Return the pieces of a block without roads."""
    ids, pixels = np.empty((0, 2), np.int64), np.empty(0, np.uint8)
    return Pieces(
        start=np.zeros(1, np.int64),
        ends=ids,
        beyond=ids,
        half_width=np.empty((0, 2), np.uint16),
        code=pixels,
        level=pixels,
        width=pixels,
    )


def walk_pieces(skeleton: Bytes, top: int, left: int, bottom: int, right: int) -> tuple[Ids, Ids, Ids, Bytes]:
    """Cut the skeleton within a block into pieces; the block is at least two pixels inside the window.

    Returns the index of each pixel in the flattened window `(pixels,)`, the offsets of the pieces `(pieces + 1,)`, the
    index of the pixel beyond either end `(pieces, 2)`, -1 at a node or -2 in a ring, and the direction from each pixel
    to the next `(pixels,)`, 0 at the end of a piece.
    """
    cols = skeleton.shape[1]
    steps = ROW_STEP * cols + COLUMN_STEP
    flat = skeleton.reshape(-1)
    found = _pixels(skeleton, top, left, bottom, right)
    around = np.zeros(found.size, np.uint8)
    for side in range(8):
        around |= flat[found + steps[side]] << np.uint8(side)
    links = np.zeros(flat.size, np.uint8)
    links[found] = LINKS[around]
    to_walk = np.zeros(flat.size, np.uint8)
    to_walk[found] = LINKS[around]
    # A node belongs to each of its pieces.
    arcs = int(np.where(LINK_COUNT[around] == 2, 1, LINK_COUNT[around]).sum(dtype=np.int64))
    places = np.empty(found.size + arcs, np.int64)
    code = np.zeros(found.size + arcs, np.uint8)
    start = np.empty(arcs + 1, np.int64)
    outside = np.empty((arcs, 2), np.int64)
    count = _walk(found, links, to_walk, steps, places, start, outside, code)
    filled = start[count]
    return places[:filled], start[: count + 1], outside[:count], code[:filled]


def _pixels(skeleton: Bytes, top: int, left: int, bottom: int, right: int) -> Ids:
    """Return the indices of the skeleton's pixels within a block, in reading order."""
    row, first, stop = runs(skeleton).T.astype(np.int64)
    first, stop = np.maximum(first, left), np.minimum(stop, right)
    within = (row >= top) & (row < bottom) & (first < stop)
    row, first, size = row[within], first[within], (stop - first)[within]
    begin = row * skeleton.shape[1] + first - np.cumsum(size) + size
    return np.repeat(begin, size) + np.arange(size.sum())


@compiled_as("(int64[::1], uint8[::1], uint8[::1], int64[::1], int64[::1], int64[::1], int64[:,::1], uint8[::1])")
def _walk(  # noqa: PLR0917 - one walk over all pixels, compiled
    found: Ids,
    links: Bytes,
    to_walk: Bytes,
    steps: Ids,
    places: Ids,
    start: Ids,
    outside: Ids,
    code: Bytes,
) -> int:
    """Write the pieces, and return how many they are; pixels outside the block have no links."""
    count, filled = 0, 0
    # First from nodes, then from the block's edge, then around rings.
    for phase in range(3):
        for k in range(found.size):
            pixel = found[k]
            if not to_walk[pixel] or (_BIT_COUNT[links[pixel]] == 2) == (phase == 0):
                continue
            for first_side in range(8):
                if not to_walk[pixel] >> first_side & 1:
                    continue
                came_from = -1
                side = first_side
                if phase == 1:
                    came_from = pixel + steps[first_side]
                    if links[came_from]:
                        continue
                    to_walk[pixel] &= 255 - (1 << first_side)
                    side = _LOWEST_BIT[to_walk[pixel]]
                start[count] = filled
                place = pixel
                places[filled] = place
                filled += 1
                beyond = -1
                while True:
                    to_walk[place] &= 255 - (1 << side)
                    onward = place + steps[side]
                    if not links[onward]:
                        beyond = onward
                        break
                    place = onward
                    code[filled - 1] = side
                    places[filled] = place
                    filled += 1
                    to_walk[place] &= 255 - (1 << (side ^ 4))
                    if _BIT_COUNT[links[place]] != 2:
                        break
                    if phase == 2 and place == pixel:
                        beyond = came_from = -2
                        break
                    side = _LOWEST_BIT[to_walk[place]]
                outside[count, 0], outside[count, 1] = came_from, beyond
                count += 1
    start[count] = filled
    return count
