"""Find the runs of road pixels in the rows of a mask, and fill small holes.

Most of a mask is background, which loops over runs skip.
"""

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled_as
from geoseg.roads.arrays import Bytes, Ids

Runs = npt.NDArray[np.int32]

_WORD = 8  # bytes


def runs(mask: Bytes) -> Runs:
    """Return the runs `(runs, 3)` of a contiguous mask in reading order: row, first column, column after the last."""
    flat = mask.reshape(-1)
    # A row has at most one run for every two pixels; memory that is not written to is not taken.
    found = np.empty((flat.size // 2 + len(mask), 3), np.int32)
    count = _find_runs(flat, flat[: flat.size // _WORD * _WORD].view(np.uint64), mask.shape[1], found)
    return found[:count]


@compiled_as("(uint8[::1], uint64[::1], int64, int32[:,::1])")
def _find_runs(flat: Bytes, words: npt.NDArray[np.uint64], cols: int, found: Runs) -> int:
    count = place = 0
    while place < flat.size:
        if not flat[place]:
            place += 1
            if place % _WORD == 0:
                word = place // _WORD
                while word < words.size and words[word] == 0:
                    word += 1
                place = word * _WORD
            continue
        row, first = place // cols, place
        while place < (row + 1) * cols and flat[place]:
            place += 1
        found[count, 0], found[count, 1], found[count, 2] = row, first - row * cols, place - row * cols
        count += 1
    return count


def fill_holes(mask: Bytes, area: int, reach: int) -> None:
    """Fill, in place, 4-connected holes of at most `area` pixels that span at most `reach` rows and columns.

    A pixel depends on none further than `reach` from it. Background at the window's edge is not a hole.
    """
    _fill_holes(mask, runs(mask), area, reach, np.empty(4 * area + 8, np.int64), np.empty(area + 1, np.int64))


@compiled_as("(uint8[:,::1], int32[:,::1], int64, int64, int64[::1], int64[::1])")
def _fill_holes(  # noqa: PLR0917 - compiled: one loop, plain arguments
    mask: Bytes, spans: Runs, area: int, reach: int, waiting: Ids, found: Ids
) -> None:
    rows, cols = mask.shape
    for span in range(len(spans)):
        row, col = np.int64(spans[span, 0]), np.int64(spans[span, 2])
        # In reading order, the first pixel of a hole has mask above it and to its left.
        if row == 0 or row == rows - 1 or col >= cols - 1 or mask[row, col] or mask[row - 1, col] != 1:
            continue
        count, pending, is_hole = 0, 1, True
        waiting[0] = row * cols + col
        mask[row, col] = 2
        first_col = last_col = col
        last_row = row
        while pending and is_hole:
            pending -= 1
            place = waiting[pending]
            found[count] = place
            count += 1
            r, c = place // cols, place % cols
            first_col, last_col, last_row = min(first_col, c), max(last_col, c), max(last_row, r)
            if (
                last_row - row >= reach
                or last_col - first_col >= reach
                or r == 0
                or c == 0
                or r == rows - 1
                or c == cols - 1
                or r < row
                or count + pending > area
            ):
                is_hole = False
                break
            for side in range(4):
                down = (side == 0) - (side == 1)
                right = (side == 2) - (side == 3)
                if mask[r + down, c + right] == 0:
                    if r + down < row:  # no hole, or not entered at its first pixel
                        is_hole = False
                        break
                    mask[r + down, c + right] = 2
                    waiting[pending] = (r + down) * cols + c + right
                    pending += 1
        value = 1 if is_hole else 0
        for k in range(count):
            mask[found[k] // cols, found[k] % cols] = value
        for k in range(pending):
            mask[waiting[k] // cols, waiting[k] % cols] = value
