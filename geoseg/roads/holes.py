"""Fill small holes in a mask."""

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

from .runs import runs


@compiled
def fill_holes(mask: npt.NDArray[np.uint8], area: int, reach: int) -> None:
    """Fill, in place, background (4-connected) of at most `area` pixels that spans at most `reach` rows and columns.

    Both bounds keep the result local: what happens to a pixel depends on nothing further than `reach` from it.
    Background that touches the window's edge stays.

    Parameters
    ----------
    mask
        Ones and zeros `(rows, columns)`.
    area, reach
        In pixels.
    """
    rows, cols = mask.shape
    waiting = np.empty(4 * area + 8, np.int64)
    found = np.empty(area + 1, np.int64)
    for row, _, col in runs(mask):
        # The first pixel of a hole, in reading order, has mask above and to its left.
        if row in (0, rows - 1) or col >= cols - 1 or mask[row, col] or mask[row - 1, col] != 1:
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
                    if r + down < row:  # then it is no hole, or not its first pixel
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
