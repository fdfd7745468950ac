"""Thin a mask to lines one pixel wide, visiting only pixels whose neighbourhood has changed.

Rule and result are those of `skimage.morphology.thin` (Z. Guo and R. Hall, 1989; L. Lam, S. Lee and C. Suen, 1992).
Zhang and Suen's rule, as in `skeletonize`, erases diagonal lines two pixels wide, and with them every second road at
45°.
"""

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled_as, compiled_within
from geoseg.roads.arrays import Bytes, Flags, Ids

from .mask import Runs, runs
from .neighbours import COLUMN_STEP, IS_THERE, ROW_STEP

Places = npt.NDArray[np.uint32]

_QUEUED = (2, 4)  # bits of pixels queued for the first and second pass; bit 1 is the mask
_WAITING = 7  # in the mask and both queues
_SURROUNDED = 255


def _removable() -> Flags:
    """Tabulate whether the centre of a neighbourhood is removed in each pass `(2, 256)` (conditions G1 to G3)."""
    x = {k: IS_THERE[:, (k - 1) % 8] for k in range(1, 10)}
    odd, even = (1, 3, 5, 7), (2, 4, 6, 8)
    crossings = np.sum([~x[k] & (x[k + 1] | x[k + 2]) for k in odd], axis=0)
    pairs = np.minimum(np.sum([x[k] | x[k + 1] for k in odd], axis=0), np.sum([x[k] | x[k + 1] for k in even], axis=0))
    common = (crossings == 1) & (pairs >= 2) & (pairs <= 3)
    return np.stack([common & ~((x[2] | x[3] | ~x[8]) & x[1]), common & ~((x[6] | x[7] | ~x[4]) & x[5])])


_REMOVABLE = _removable()


def thin(mask: Bytes, iterations: int) -> Bytes:
    """Return a mask `(rows, columns)` of ones and zeros after some iterations of thinning.

    An iteration has two passes that look one pixel far each, so a pixel depends on none further away than twice the
    number of iterations. The outermost ring of the window counts as background.
    """
    result = mask.copy()
    result[[0, -1]] = 0
    result[:, [0, -1]] = 0
    cols = result.shape[1]
    spans = runs(result)
    size = int((spans[:, 2] - spans[:, 1]).sum(dtype=np.int64))
    queues = np.empty((2, size), np.uint32)
    steps = ROW_STEP * cols + COLUMN_STEP
    _thin(result.reshape(-1), cols, spans, iterations, steps, queues[0], queues[1], np.empty(size, np.uint32))
    return result


@compiled_as("(uint8[::1], int64, int32[:,::1], int64, int64[::1], uint32[::1], uint32[::1], uint32[::1])")
def _thin(  # noqa: PLR0912, PLR0917 - compiled: one loop, plain arguments
    flat: Bytes, cols: int, spans: Runs, iterations: int, steps: Ids, queue: Places, other_queue: Places, gone: Places
) -> None:
    count = 0
    for span in range(len(spans)):
        for place in range(spans[span, 0] * cols + spans[span, 1], spans[span, 0] * cols + spans[span, 2]):
            if _neighbourhood(flat, place, cols) != _SURROUNDED:
                queue[count] = other_queue[count] = place
                count += 1
    other_count = count
    for k in range(count):
        flat[queue[k]] = _WAITING
    for half in range(2 * iterations):
        if count == 0 and other_count == 0:
            break
        turn = half % 2
        bit, other_bit = _QUEUED[turn], _QUEUED[1 - turn]
        removed = 0
        for k in range(count):
            pixel = queue[k] + 0  # of 64 bits
            if flat[pixel] & 1:
                flat[pixel] &= _WAITING - bit
                if _REMOVABLE[turn, _neighbourhood(flat, pixel, cols)]:
                    gone[removed] = pixel
                    removed += 1
        count = 0
        for k in range(removed):
            flat[gone[k]] = 0
        for k in range(removed):
            for side in range(8):
                place = gone[k] + steps[side]
                before = flat[place]
                if before & 1 and before != _WAITING:
                    flat[place] = _WAITING
                    if not before & bit:
                        queue[count] = place
                        count += 1
                    if not before & other_bit:
                        other_queue[other_count] = place
                        other_count += 1
        queue, other_queue = other_queue, queue
        count, other_count = other_count, count
    for place in range(flat.size):
        flat[place] &= 1


@compiled_within
def _neighbourhood(flat: Bytes, place: int, cols: int) -> int:
    """Return the bit set of a pixel's neighbours in the mask, in the order of `neighbours`."""
    at, down = np.uint64(place), np.uint64(cols)  # unsigned: spares the test for negative indices
    up = at - down
    low = at + down
    one = np.uint64(1)
    upper = (flat[up + one] & 1) << 1 | (flat[up] & 1) << 2 | (flat[up - one] & 1) << 3
    lower = (flat[low - one] & 1) << 5 | (flat[low] & 1) << 6 | (flat[low + one] & 1) << 7
    found: int = (flat[at + one] & 1) | upper | (flat[at - one] & 1) << 4 | lower
    return found
