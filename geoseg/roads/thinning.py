"""Thin a mask to lines one pixel wide, looking only at pixels whose neighbourhood has changed.

The rule is that of `skimage.morphology.thin` (Z. Guo and R. Hall, 1989; L. Lam, S. Lee and C. Suen, 1992), and so are
the pixels. `skeletonize` is of no use for roads: Zhang and Suen's rule wipes out diagonal lines two pixels wide, which
is what every second road at 45° has become in the last but one iteration.
"""

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

from .compass import COLUMN_STEP, ROW_STEP

_QUEUED = (2, 4)  # bits of a pixel that waits for the one or the other pass; bit 1 is the pixel itself


def _removable() -> npt.NDArray[np.bool_]:
    """Tabulate for each pass which of the 256 neighbourhoods let go of their centre (conditions G1 to G3)."""
    neighbours = (np.arange(256)[:, None] >> np.arange(8)) & 1 == 1
    x = {k: neighbours[:, (k - 1) % 8] for k in range(1, 10)}
    odd, even = (1, 3, 5, 7), (2, 4, 6, 8)
    crossings = np.sum([~x[k] & (x[k + 1] | x[k + 2]) for k in odd], axis=0)
    pairs = np.minimum(np.sum([x[k] | x[k + 1] for k in odd], axis=0), np.sum([x[k] | x[k + 1] for k in even], axis=0))
    common = (crossings == 1) & (pairs >= 2) & (pairs <= 3)
    return np.stack([common & ~((x[2] | x[3] | ~x[8]) & x[1]), common & ~((x[6] | x[7] | ~x[4]) & x[5])])


_REMOVABLE = _removable()


@compiled
def thinned(  # noqa: PLR0912 - compiled: one loop
    mask: npt.NDArray[np.uint8], iterations: int
) -> npt.NDArray[np.uint8]:
    """Return what is left of a mask `(rows, columns)` of ones and zeros after so many iterations.

    An iteration has two passes that each look one pixel far: a pixel depends on nothing further from it than twice the
    iterations. The outermost ring of the window is taken for background.
    """
    rows, cols = mask.shape
    flat = mask.copy().ravel()
    for col in range(cols):
        flat[col] = flat[(rows - 1) * cols + col] = 0
    for row in range(rows):
        flat[row * cols] = flat[row * cols + cols - 1] = 0
    steps = ROW_STEP * cols + COLUMN_STEP
    size = 0
    for place in range(flat.size):
        size += flat[place]
    queues = np.empty((2, size), np.int32)
    counts = np.zeros(2, np.int64)
    gone = np.empty(size, np.int32)
    for place in range(cols + 1, flat.size - cols - 1):
        if flat[place]:
            for side in range(8):
                if not flat[place + steps[side]]:
                    queues[0, counts[0]] = queues[1, counts[0]] = place
                    counts[0] += 1
                    break
    counts[1] = counts[0]
    for k in range(counts[0]):
        flat[queues[0, k]] |= 6
    for _ in range(iterations):
        if counts[0] == 0 and counts[1] == 0:
            break
        for turn in range(2):
            removed = 0
            for k in range(counts[turn]):
                place = queues[turn, k]
                if not flat[place] & 1:
                    continue
                flat[place] &= 255 - _QUEUED[turn]
                code = 0
                for side in range(8):
                    code |= (flat[place + steps[side]] & 1) << side
                if _REMOVABLE[turn, code]:
                    gone[removed] = place
                    removed += 1
            counts[turn] = 0
            for k in range(removed):
                flat[gone[k]] = 0
            for k in range(removed):
                for side in range(8):
                    place = gone[k] + steps[side]
                    for other in range(2):
                        if flat[place] & 1 and not flat[place] & _QUEUED[other]:
                            flat[place] |= _QUEUED[other]
                            queues[other, counts[other]] = place
                            counts[other] += 1
    for place in range(flat.size):
        flat[place] &= 1
    return flat.reshape((rows, cols))
