"""Trace one block of the grid: from probabilities to pieces of skeleton."""

import numpy as np

from geoseg.roads.arrays import Bytes, Ids
from geoseg.roads.settings import PROFILE_AHEAD_PX, PROFILE_FLOOR, PROFILE_RISE

from .distance import Distance, distances
from .grid_settings import GridSettings
from .mask import fill_holes
from .pieces import PLAZA, Pieces, empty_pieces, walk_pieces
from .smoothing import blur
from .thinning import thin
from .widths import measure_widths

_FRAME = 3  # background pixels around the scene, for distances and thinning at its edge


def window_of(rows: slice, cols: slice, grid: GridSettings) -> tuple[slice, slice]:
    """Return rows and columns of a block and its halo."""
    down, across = (
        slice(max(part.start - grid.halo, 0), min(part.stop + grid.halo, size))
        for part, size in zip((rows, cols), grid.shape, strict=True)
    )
    return down, across


def trace_block(levels: Bytes, rows: slice, cols: slice, grid: GridSettings) -> Pieces:
    """Trace the roads of a block from the probabilities of its window.

    The skeleton of the grid does not depend on its division into blocks.
    """
    # Smoothing raises no maximum; nodata, the highest byte, becomes 0.
    if int((levels + np.uint8(1)).max()) <= grid.level:
        return empty_pieces()
    window = window_of(rows, cols, grid)
    smooth = np.pad(blur(levels, grid.down, grid.along), _FRAME)
    mask = (smooth >= grid.level).astype(np.uint8)
    origin = window[0].start - _FRAME, window[1].start - _FRAME
    core = (rows.start - origin[0], cols.start - origin[1], rows.stop - origin[0], cols.stop - origin[1])
    fill_holes(mask, grid.hole_px, grid.hole_reach)
    distance = distances(mask, grid.costs)
    plaza = _carve_plazas(mask, distance, grid)
    if plaza is not None:
        distance = distances(mask, grid.costs)
    skeleton = thin(mask, grid.iterations)
    places, start, outside, code = walk_pieces(skeleton, *core)
    reach_m = grid.settings.max_half_width_m
    until = PROFILE_FLOOR, grid.level, PROFILE_RISE
    width = measure_widths(places, start, outside, skeleton, smooth, grid.metric, until, PROFILE_AHEAD_PX, reach_m)
    if plaza is not None:
        code |= PLAZA * plaza.ravel()[places]
    ends = np.column_stack([places[start[:-1]], places[start[1:] - 1]])
    stride = smooth.shape[1]

    def ids(place: Ids) -> Ids:
        found: Ids = (place // stride + origin[0]) * grid.shape[1] + place % stride + origin[1]
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


def _carve_plazas(mask: Bytes, distance: Distance, grid: GridSettings) -> Bytes | None:
    """Clear, in place, the parts of a mask too wide for a road; return the mask of their rims, if any."""
    inner = distance > grid.widest
    # Distances are unknown in the two outer rings of the window.
    inner[:2] = inner[-2:] = inner[:, :2] = inner[:, -2:] = False
    if not inner.any():
        return None
    mask[inner] = 0
    to_plaza = distances((~inner).astype(np.uint8), grid.costs)
    return (to_plaza <= grid.plaza_rim).astype(np.uint8)
