"""Remove specks and fill holes of a mask that streams by, exactly as on the whole mask."""

from collections.abc import Iterable, Iterator

import numpy as np
from skimage.measure import label

from .windows import Mask, windows


def clean(
    strips: Iterable[Mask], shape: tuple[int, int], *, speck_px: float, hole_px: float, rows: int = 1024, halo: int = 64
) -> Iterator[Mask]:
    """Yield the mask without small components of road and without small holes in it.

    A component is small if it has fewer pixels than the limit and is at most `halo` rows tall: then every window whose
    core it touches holds it whole, and the result cannot depend on where the windows lie.

    Parameters
    ----------
    strips, shape
        The mask in consecutive bands, and its height and width.
    speck_px, hole_px
        Area below which road (8-connected) is removed and background (4-connected, off the scene's edge) is filled.
    rows, halo
        Rows yielded at a time, and the rows of context.

    Yields
    ------
    ndarray
        Bands `(rows, width)`, together the cleaned mask.
    """
    kept = (
        _without_specks(window, speck_px, halo)[core] for window, core in windows(strips, shape, rows=rows, halo=halo)
    )
    top = 0
    for window, core in windows(kept, shape, rows=rows, halo=halo):
        above, below = top - core.start, top - core.start + len(window)
        yield _without_holes(window, hole_px, halo, at_top=above == 0, at_bottom=below == shape[0])[core]
        top += core.stop - core.start


def _without_specks(mask: Mask, pixels: float, tallest: int) -> Mask:
    if pixels <= 1 or not mask.any():
        return mask
    labels = label(mask, connectivity=2)  # type: ignore[no-untyped-call]
    small = _small(labels, pixels, tallest)
    small[0] = False
    return mask & ~small[labels] if small.any() else mask


def _without_holes(mask: Mask, pixels: float, tallest: int, *, at_top: bool, at_bottom: bool) -> Mask:
    if pixels <= 1 or not mask.any():
        return mask
    labels = label(~mask, connectivity=1)  # type: ignore[no-untyped-call]
    small = _small(labels, pixels, tallest)
    small[0] = False
    # Background that touches the scene's edge is open; what touches only a window's edge is either tall or not needed.
    small[labels[:, 0]] = small[labels[:, -1]] = False
    if at_top:
        small[labels[0]] = False
    if at_bottom:
        small[labels[-1]] = False
    return mask | small[labels] if small.any() else mask


def _small(labels: np.ndarray, pixels: float, tallest: int) -> Mask:
    """Tell of each label whether it has fewer than `pixels` pixels and spans at most `tallest` rows."""
    small: Mask = np.bincount(labels.ravel()) < pixels
    if pixels <= tallest or not small.any():
        return small
    first, last = np.zeros(len(small), np.int64), np.zeros(len(small), np.int64)
    row, column = np.nonzero(small[labels])
    found = labels[row, column]
    last[found] = row  # rows ascend: the last assignment stands
    first[found[::-1]] = row[::-1]
    return small & (last - first < tallest)
