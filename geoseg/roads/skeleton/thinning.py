"""Thin a mask to lines one pixel wide, visiting only pixels whose neighbourhood has changed.

Rule and result are those of `skimage.morphology.thin` (Z. Guo and R. Hall, 1989; L. Lam, S. Lee and C. Suen, 1992).
Zhang and Suen's rule, as in `skeletonize`, erases diagonal lines two pixels wide, and with them every second road at
45°.
"""

import numpy as np

from geoseg.compiled import compiled
from geoseg.roads.arrays import Bytes, Flags

from .mask import runs
from .neighbours import COLUMN_STEP, ROW_STEP

_QUEUED = (2, 4)  # bits of pixels queued for the first and second pass; bit 1 is the mask
_WAITING = 7  # in the mask and both queues
_SURROUNDED = 255


def _removable() -> Flags:
    """Tabulate whether the centre of a neighbourhood is removed in each pass `(2, 256)` (conditions G1 to G3)."""
    neighbours = (np.arange(256)[:, None] >> np.arange(8)) & 1 == 1
    x = {k: neighbours[:, (k - 1) % 8] for k in range(1, 10)}
    odd, even = (1, 3, 5, 7), (2, 4, 6, 8)
    crossings = np.sum([~x[k] & (x[k + 1] | x[k + 2]) for k in odd], axis=0)
    pairs = np.minimum(np.sum([x[k] | x[k + 1] for k in odd], axis=0), np.sum([x[k] | x[k + 1] for k in even], axis=0))
    common = (crossings == 1) & (pairs >= 2) & (pairs <= 3)
    return np.stack([common & ~((x[2] | x[3] | ~x[8]) & x[1]), common & ~((x[6] | x[7] | ~x[4]) & x[5])])


_REMOVABLE = _removable()


@compiled
def thin(mask: Bytes, iterations: int) -> Bytes:  # noqa: PLR0912 - compiled: one loop
    """Return a mask `(rows, columns)` of ones and zeros after some iterations of thinning.

    An iteration has two passes that look one pixel far each, so a pixel depends on none further away than twice the
    number of iterations. The outermost ring of the window counts as background.
    """
    result = mask.copy()
    result[0] = result[-1] = 0
    result[:, 0] = result[:, -1] = 0
    cols = result.shape[1]
    flat = result.reshape(-1)
    spans = runs(result)
    size = (spans[:, 2] - spans[:, 1]).sum()
    queues = np.empty((2, size), np.uint32)
    counts = np.zeros(2, np.int64)
    gone = np.empty(size, np.uint32)
    for row, first, stop in spans:
        for place in range(row * cols + first, row * cols + stop):
            if _neighbourhood(flat, place, cols) != _SURROUNDED:
                queues[0, counts[0]] = queues[1, counts[0]] = place
                counts[0] += 1
    counts[1] = counts[0]
    for place in queues[0, : counts[0]]:
        flat[place] = _WAITING
    steps = ROW_STEP * cols + COLUMN_STEP
    for _ in range(iterations):
        if counts[0] == 0 and counts[1] == 0:
            break
        for turn in range(2):
            removed = 0
            for place in queues[turn, : counts[turn]]:
                if not flat[place] & 1:
                    continue
                flat[place] &= _WAITING - _QUEUED[turn]
                if _REMOVABLE[turn, _neighbourhood(flat, place, cols)]:
                    gone[removed] = place
                    removed += 1
            counts[turn] = 0
            for place in gone[:removed]:
                flat[place] = 0
            for centre in gone[:removed]:
                for side in range(8):
                    place = centre + steps[side]
                    before = flat[place]
                    if not before & 1 or before == _WAITING:
                        continue
                    flat[place] = _WAITING
                    for other in range(2):
                        if not before & _QUEUED[other]:
                            queues[other, counts[other]] = place
                            counts[other] += 1
    for place in range(flat.size):
        flat[place] &= 1
    return result


@compiled
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
