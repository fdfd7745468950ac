"""Measure road widths: integrate the probability across the road."""

import numpy as np

from geoseg.compiled import compiled_as, compiled_within
from geoseg.models.legend import LEVELS
from geoseg.roads.arrays import Bytes, Floats, Ids
from geoseg.roads.ground_steps import on_ground

from .neighbours import COLUMN_STEP, LINK_COUNT, LINKS, ROW_STEP, neighbours_of

WIDTH_UNIT_M = 0.15
UNKNOWN = 255
"""Width if an edge of the road was not found."""


def measure_widths(  # noqa: PLR0917 - all that a profile depends on
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
    line from `ahead` pixels behind to `ahead` pixels ahead, beyond the block if necessary, but not beyond a node.
    `metric` is that of `GridSettings`.
    """
    along, lean, down = metric[0, 0], metric[0, 1], metric[1, 1]
    inverse = np.array([[1 / along, -(lean * (1 / along)) * (1 / down)], [0, 1 / down]])
    step_m = float(np.sqrt(abs(np.linalg.det(metric))))
    result = np.empty(places.size, np.uint8)
    line = np.empty(int(np.diff(start).max(initial=0)) + 2 * ahead, np.int64)
    samples = int(reach_m / step_m)
    _measure(places, start, outside, skeleton, smooth, metric, inverse, *until, ahead, step_m, samples, line, result)
    return result


@compiled_as(
    "(int64[::1], int64[::1], int64[:,::1], uint8[:,::1], uint8[:,::1], float64[:,::1], float64[:,::1],"
    " int64, int64, int64, int64, float64, int64, int64[::1], uint8[::1])"
)
def _measure(  # noqa: PLR0917 - compiled: one loop, plain arguments
    places: Ids,
    start: Ids,
    outside: Ids,
    skeleton: Bytes,
    smooth: Bytes,
    metric: Floats,
    inverse: Floats,
    floor: int,
    level: int,
    rise: int,
    ahead: int,
    step_m: float,
    samples: int,
    line: Ids,
    result: Bytes,
) -> None:
    """Write the widths to `result`; `line` has room for any piece and `ahead` pixels on either side."""
    cols = skeleton.shape[1]
    for piece in range(start.size - 1):
        first, size = start[piece], start[piece + 1] - start[piece]
        for k in range(size):
            line[ahead + k] = places[first + k]
        before, after = 0, 0
        if outside[piece, 0] == -2:
            before = after = ahead
            for k in range(ahead):
                line[ahead - 1 - k] = places[first + (size - 2 - k) % (size - 1)]
                line[ahead + size + k] = places[first + (1 + k) % (size - 1)]
        else:
            for side in range(2):
                if outside[piece, side] >= 0:
                    at, step = (ahead, -1) if side == 0 else (ahead + size - 1, 1)
                    found = _follow(skeleton, line, at, step, outside[piece, side], ahead)
                    if side == 0:
                        before = found
                    else:
                        after = found
        for k in range(size):
            back = line[max(k, ahead - before)]
            forth = line[min(k + 2 * ahead, ahead + size - 1 + after)]
            down, right = forth // cols - back // cols, forth % cols - back % cols
            if down == 0 and right == 0:
                down = 1
            east, north = on_ground(metric, right, down)
            scale = step_m / np.sqrt(east * east + north * north)
            across = (inverse[0, 0] * -north + inverse[0, 1] * east) * scale
            along = (inverse[1, 0] * -north + inverse[1, 1] * east) * scale
            row, col = places[first + k] // cols, places[first + k] % cols
            one, one_ends = _integrate(smooth, row, col, along, across, samples, floor, level, rise)
            other, other_ends = _integrate(smooth, row, col, -along, -across, samples, floor, level, rise)
            width_m = (one + other + smooth[row, col]) / LEVELS * step_m
            result[first + k] = (
                min(int(np.rint(width_m / WIDTH_UNIT_M)), UNKNOWN - 1) if one_ends and other_ends else UNKNOWN
            )


@compiled_within
def _integrate(  # noqa: PLR0917 - compiled: plain arguments
    smooth: Bytes,
    row: int,
    col: int,
    down: float,
    right: float,
    samples: int,
    floor: int,
    level: int,
    rise: int,
) -> tuple[float, bool]:
    """Add up the levels to one side of a pixel, in steps of rows and columns; return whether the road ends there."""
    total, lowest = 0.0, 255.0
    for j in range(1, samples + 1):
        # Offsets from the pixel are rounded, so that the result does not depend on the window.
        at_row, at_col = np.floor(down * j), np.floor(right * j)
        low, on = down * j - at_row, right * j - at_col
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


@compiled_within
def _follow(  # noqa: PLR0917 - compiled: plain arguments
    skeleton: Bytes, line: Ids, at: int, step: int, beyond: int, most: int
) -> int:
    """Continue a line out of the block to the next node, or by `most` pixels; return the number of pixels."""
    cols = skeleton.shape[1]
    last = line[at]
    for count in range(1, most + 1):
        line[at + count * step] = beyond
        around = neighbours_of(skeleton, beyond // cols, beyond % cols)
        if LINK_COUNT[around] != 2:
            return count
        for side in range(8):
            onward = beyond + ROW_STEP[side] * cols + COLUMN_STEP[side]
            if LINKS[around] >> side & 1 and onward != last:
                last, beyond = beyond, onward
                break
    return most
