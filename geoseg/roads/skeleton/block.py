"""One block of the grid: from probabilities to pieces of skeleton with samples."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .distance import distances
from .mask import fill_holes
from .pieces import Pieces, walk_pieces
from .smoothing import blurred
from .stencil import AHEAD, Stencil
from .thinning import thinned
from .widths import widths

Read = Callable[[slice, slice], npt.NDArray[np.uint8]]
"""Gives the road probability `(rows, columns)` of a window of the grid in `LEVELS`, 255 where there is none."""

_FRAME = 3  # background around the scene: distance and thinning must see its edge
_PLAZA = 8


def trace_block(read: Read, rows: slice, cols: slice, stencil: Stencil) -> Pieces:
    """Trace the roads of a block.

    Parameters
    ----------
    read
        Called once, for the block and its surroundings.
    rows, cols
        The block. How the grid is cut into blocks changes no pixel and no sample of what is found.
    stencil
        The tracer's settings on the grid.
    """
    window = tuple(
        slice(max(part.start - stencil.halo, 0), min(part.stop + stencil.halo, size))
        for part, size in zip((rows, cols), stencil.shape, strict=True)
    )
    smooth = np.pad(blurred(read(*window), stencil.down, stencil.along), _FRAME)
    mask = (smooth >= stencil.level).astype(np.uint8)
    origin = window[0].start - _FRAME, window[1].start - _FRAME
    core = (rows.start - origin[0], cols.start - origin[1], rows.stop - origin[0], cols.stop - origin[1])
    fill_holes(mask, stencil.hole_px, stencil.hole_reach)
    distance = distances(mask, stencil.costs)
    plaza = _carve(mask, distance, stencil)
    if plaza is not None:
        distance = distances(mask, stencil.costs)
    skeleton = thinned(mask, stencil.iterations)
    places, start, outside, code = walk_pieces(skeleton, *core)
    reach_m = stencil.settings.max_half_width_m
    width = widths(places, start, outside, skeleton, smooth, stencil.metric, stencil.level, AHEAD, reach_m)
    if plaza is not None:
        code |= _PLAZA * plaza.ravel()[places]
    ends = np.column_stack([places[start[:-1]], places[start[1:] - 1]])
    stride = smooth.shape[1]

    def ids(place: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = (place // stride + origin[0]) * stencil.shape[1] + place % stride + origin[1]
        return found

    return Pieces(
        start=start,
        ends=ids(ends),
        beyond=np.where(outside < 0, outside, ids(outside)),
        half_width=distance.ravel()[ends],
        code=code,
        level=smooth.ravel()[places],
        width=width,
    )


def _carve(
    mask: npt.NDArray[np.uint8], distance: npt.NDArray[np.uint16], stencil: Stencil
) -> npt.NDArray[np.uint8] | None:
    """Take out of a mask what is wider than a road; returns what lies around it, if there is such a place."""
    inner = distance > stencil.widest
    # The window's outer rings know no distance.
    inner[:2] = inner[-2:] = inner[:, :2] = inner[:, -2:] = False
    if not inner.any():
        return None
    mask[inner] = 0
    to_plaza = distances((~inner).astype(np.uint8), stencil.costs)
    return (to_plaza <= stencil.widest * 3 // 4).astype(np.uint8)
