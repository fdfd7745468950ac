"""Runs of mask pixels along rows: roads are few, and what walks over them need not look at all that lies between."""

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

Runs = npt.NDArray[np.int32]

_WORD = 8  # bytes


@compiled
def runs(mask: npt.NDArray[np.uint8]) -> Runs:
    """Return the runs of a mask in reading order: row, first column, and the column after the last, `(runs, 3)`.

    Parameters
    ----------
    mask
        Ones and zeros `(rows, columns)`, contiguous.
    """
    cols = mask.shape[1]
    flat = mask.reshape(-1)
    words = flat[: flat.size // _WORD * _WORD].view(np.uint64)
    found = np.empty((1024, 3), np.int32)
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
        if count == len(found):
            larger = np.empty((2 * count, 3), np.int32)
            larger[:count] = found
            found = larger
        found[count, 0], found[count, 1], found[count, 2] = row, first - row * cols, place - row * cols
        count += 1
    return found[:count]
