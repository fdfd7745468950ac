"""Thin a mask to lines one pixel wide, looking only at pixels whose neighbourhood has changed.

The rule is that of `skimage.morphology.thin` (Z. Guo and R. Hall, 1989; L. Lam, S. Lee and C. Suen, 1992), and so are
the pixels. `skeletonize` is of no use for roads: Zhang and Suen's rule wipes out diagonal lines two pixels wide, which
is what every second road at 45° has become in the last but one iteration.
"""

import numpy as np
import numpy.typing as npt

from .windows import Mask


def thinned(mask: Mask) -> Mask:
    """Return the skeleton `(rows, width)` of a mask; beyond the mask is background.

    One iteration has two passes, each of which sees one pixel far, and takes one pixel off either side of a road.
    """
    framed = np.pad(mask, 1)
    around = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    border = np.flatnonzero(np.pad(mask & ~around, 1))
    flat = framed.view(np.uint8).ravel()
    offsets = _offsets(framed.shape[1])
    number = np.zeros(flat.size, np.int32)
    unseen = [border, border]  # pixels whose neighbourhood is new to each of the two passes
    while unseen[0].size or unseen[1].size:
        for turn, removable in enumerate(_REMOVABLE):
            pixels = unseen[turn]
            code = np.zeros(pixels.size, np.uint8)
            for bit, offset in enumerate(offsets):
                code |= flat[pixels + offset] << np.uint8(bit)
            gone = pixels[removable[code] & (flat[pixels] == 1)]
            flat[gone] = 0
            touched = (gone[:, None] + offsets).ravel()
            touched = touched[flat[touched] == 1]
            # Each once: of equal entries, the one whose number was written last stays.
            order = np.arange(touched.size, dtype=np.int32)
            number[touched] = order
            touched = touched[number[touched] == order]
            unseen[turn] = touched
            unseen[1 - turn] = np.concatenate([unseen[1 - turn], touched])
    return framed[1:-1, 1:-1]


def _offsets(stride: int) -> npt.NDArray[np.int64]:
    """Return the steps in the flattened image to the neighbours: east, and on counter-clockwise."""
    return np.array([1, 1 - stride, -stride, -1 - stride, -1, stride - 1, stride, stride + 1])


def _removable() -> tuple[Mask, Mask]:
    """Tabulate for each pass which of the 256 neighbourhoods let go of their centre (conditions G1 to G3)."""
    neighbours = (np.arange(256)[:, None] >> np.arange(8)) & 1 == 1
    x = {k: neighbours[:, (k - 1) % 8] for k in range(1, 10)}
    odd, even = (1, 3, 5, 7), (2, 4, 6, 8)
    crossings = np.sum([~x[k] & (x[k + 1] | x[k + 2]) for k in odd], axis=0)
    pairs = np.minimum(np.sum([x[k] | x[k + 1] for k in odd], axis=0), np.sum([x[k] | x[k + 1] for k in even], axis=0))
    common = (crossings == 1) & (pairs >= 2) & (pairs <= 3)
    return common & ~((x[2] | x[3] | ~x[8]) & x[1]), common & ~((x[6] | x[7] | ~x[4]) & x[5])


_REMOVABLE = _removable()
