"""Measure road widths: integrate the probability across the road."""

import numpy as np

from geoseg.compiled import compiled
from geoseg.models.legend import LEVELS
from geoseg.roads.arrays import Bytes, Floats, Ids

from .neighbours import COLUMN_STEP, LINK_COUNT, LINKS, ROW_STEP, neighbours_of

WIDTH_UNIT_M = 0.15
UNKNOWN = 255
"""Width if an edge of the road was not found."""


@compiled
def measure_widths(  # noqa: PLR0917 - compiled: plain arguments
    places: Ids,
    start: Ids,
    outside: Ids,
    skeleton: Bytes,
    smooth: Bytes,
    metric: Floats,
    until: tuple[int, int, int],
    ahead: int,
    reach_m: float,
) -> Bytes:
    """Return the width at each pixel of the pieces from `walk_pieces` `(pixels,)`, in units of `WIDTH_UNIT_M`.

    A profile across the road extends up to `reach_m` to either side. It ends where its level falls below the first of
    `until`, or rises by the third after falling below the second. The direction of the road at a pixel is that of the
    line from `ahead` pixels behind to `ahead` pixels ahead, beyond the block if need be, but not beyond a node.
    """
    cols = skeleton.shape[1]
    inverse = np.linalg.inv(metric)
    step_m = np.sqrt(abs(np.linalg.det(metric)))
    samples = int(reach_m / step_m)
    result = np.empty(places.size, np.uint8)
    for piece in range(start.size - 1):
        first, size = start[piece], start[piece + 1] - start[piece]
        ring = outside[piece, 0] == -2
        line = np.empty(size + 2 * ahead, np.int64)
        line[ahead : ahead + size] = places[first : first + size]
        before, after = 0, 0
        if ring:
            before = after = ahead
            for k in range(ahead):
                line[ahead - 1 - k] = places[first + (size - 2 - k) % (size - 1)]
                line[ahead + size + k] = places[first + (1 + k) % (size - 1)]
        else:
            if outside[piece, 0] >= 0:
                before = _follow(skeleton, places[first], outside[piece, 0], line[:ahead][::-1])
            if outside[piece, 1] >= 0:
                after = _follow(skeleton, places[first + size - 1], outside[piece, 1], line[ahead + size :])
        for k in range(size):
            back = line[max(ahead + k - ahead, ahead - before)]
            forth = line[min(ahead + k + ahead, ahead + size - 1 + after)]
            down, right = forth // cols - back // cols, forth % cols - back % cols
            if down == 0 and right == 0:
                down = 1
            east = metric[0, 0] * right + metric[0, 1] * down
            north = metric[1, 0] * right + metric[1, 1] * down
            scale = step_m / np.sqrt(east * east + north * north)
            across = (inverse[0, 0] * -north + inverse[0, 1] * east) * scale
            along = (inverse[1, 0] * -north + inverse[1, 1] * east) * scale
            row, col = places[first + k] // cols, places[first + k] % cols
            one, ended_one = _integrate(smooth, row, col, along, across, samples, until)
            other, ended_other = _integrate(smooth, row, col, -along, -across, samples, until)
            width_m = ((one + other) + smooth[row, col]) / LEVELS * step_m
            known = ended_one and ended_other
            result[first + k] = min(int(np.rint(width_m / WIDTH_UNIT_M)), UNKNOWN - 1) if known else UNKNOWN
    return result


@compiled
def _follow(skeleton: Bytes, last: int, beyond: int, line: Ids) -> int:
    """Follow the skeleton out of the block to the next node, or until `line` is full; return the number of pixels."""
    cols = skeleton.shape[1]
    count = 0
    while True:
        line[count] = beyond
        count += 1
        row, col = beyond // cols, beyond % cols
        around = neighbours_of(skeleton, row, col)
        if count == line.size or LINK_COUNT[around] != 2:
            return count
        for side in range(8):
            onward = (row + ROW_STEP[side]) * cols + col + COLUMN_STEP[side]
            if LINKS[around] >> side & 1 and onward != last:
                last, beyond = beyond, onward
                break


@compiled
def _integrate(  # noqa: PLR0917 - compiled: plain arguments
    smooth: Bytes, row: int, col: int, down: float, right: float, samples: int, until: tuple[int, int, int]
) -> tuple[float, bool]:
    """Return the sum of the levels on one side, and whether the edge of the road was found."""
    floor, level, rise = until
    total, lowest = 0.0, 255.0
    for k in range(1, samples + 1):
        # Offsets from the pixel are rounded, so that the result does not depend on the window.
        at_row, at_col = np.floor(down * k), np.floor(right * k)
        low, on = down * k - at_row, right * k - at_col
        r, c = row + int(at_row), col + int(at_col)
        if r < 0 or c < 0 or r + 1 >= smooth.shape[0] or c + 1 >= smooth.shape[1]:
            return total, True
        upper = (1.0 - on) * smooth[r, c] + on * smooth[r, c + 1]
        lower = (1.0 - on) * smooth[r + 1, c] + on * smooth[r + 1, c + 1]
        value = (1.0 - low) * upper + low * lower
        if value < floor or (lowest < level and value > lowest + rise):
            return total, True
        lowest = min(lowest, value)
        total += value
    return total, False
