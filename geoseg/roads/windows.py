"""Cut a stream of row strips anew, at rows fixed by the scene alone, each with the rows above and below it."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def windows(strips: Iterable[Mask], shape: tuple[int, int], *, rows: int, halo: int) -> Iterator[tuple[Mask, slice]]:
    """Yield windows that hold `rows` rows and up to `halo` rows on either side.

    Parameters
    ----------
    strips
        Consecutive bands `(any, width)` that together are the mask.
    shape
        Height and width of the mask.
    rows, halo
        Rows of a window's core, and rows of context above and below where the mask has them.

    Yields
    ------
    tuple
        The window `(rows + halos, width)`, and the slice of its core rows. The cores, one after another, are the mask.

    Raises
    ------
    ValueError
        The strips do not add up to `shape`.
    """
    height, width = shape
    source = iter(strips)
    held: deque[Mask] = deque()
    first = last = 0  # rows of the mask that `held` covers
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        above, below = max(top - halo, 0), min(bottom + halo, height)
        while last < below:
            strip = next(source, None)
            if strip is None:
                raise ValueError(f"the strips end at row {last}; the mask has {height} rows")
            if strip.ndim != 2 or strip.shape[1] != width:
                raise ValueError(f"a strip has shape {strip.shape}; the mask is {width} pixels wide")
            held.append(strip.astype(np.bool_, copy=False))
            last += len(strip)
        while first + len(held[0]) <= above:
            first += len(held.popleft())
        yield np.concatenate(held)[above - first : below - first], slice(top - above, bottom - above)
    surplus = sum(len(strip) for strip in source) + last - height
    if surplus:
        raise ValueError(f"the strips hold {surplus} rows more than the mask's {height}")
