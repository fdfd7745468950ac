"""Select the parts of lines and polygons near a box, in time linear in their vertices."""

import numpy as np
import numpy.typing as npt
import shapely

from .pieces import cut_pieces
from .read import Geometries

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

MOST_VERTICES = 256
"""Maximum number of vertices in a piece of a line: where a line crosses itself, the time of a buffer grows with
their square."""


def cut_lines(geometries: Geometries, box: Box) -> tuple[Geometries, npt.NDArray[np.int64]]:
    """Cut lines and points into pieces of at most `MOST_VERTICES`, without segments whose extent is beyond a box.

    Also returns the index of each piece's geometry. A buffer of all pieces is that of the geometries, within a box that
    is smaller by the buffer's width.
    """
    parts, owner = shapely.get_parts(geometries, return_index=True)
    is_point = shapely.get_type_id(parts) == shapely.GeometryType.POINT
    points, lines = parts[is_point], parts[~is_point]
    near = _overlap(shapely.bounds(points), box)
    pieces, line = _pieces(lines, box)
    found = np.concatenate([points[near], pieces])
    index = np.concatenate([owner[is_point][near], owner[~is_point][line]])
    order = np.argsort(index, kind="stable")
    return found[order], index[order]


def _pieces(lines: Geometries, box: Box) -> tuple[Geometries, npt.NDArray[np.int64]]:
    """Cut lines into pieces near a box, and return the index of each one's line."""
    points = shapely.get_coordinates(lines)
    starts, ends = points[:-1], points[1:]
    extents = np.concatenate([np.minimum(starts, ends), np.maximum(starts, ends)], axis=1)
    return cut_pieces(lines, most=MOST_VERTICES, kept=_overlap(extents, box))


def thin_rings(polygons: Geometries, box: Box) -> tuple[Geometries, npt.NDArray[np.int64]]:
    """Leave out vertices of polygons that do not change what covers a box, and polygons beyond it.

    Those vertices are between others beyond the same side of the box: the straight way is beyond that side, too. Also
    returns the index of each polygon that is left.
    """
    parts, owner = shapely.get_parts(polygons, return_index=True)
    # Of all rings: an invalid polygon's holes may lie outside of its shell.
    near = _overlap(shapely.bounds(shapely.boundary(parts)), box)
    parts, owner = parts[near], owner[near]
    if not len(parts):
        return parts, owner
    kind, points, (rings, shells) = shapely.to_ragged_array(shapely.force_2d(parts))
    ring = np.repeat(np.arange(len(rings) - 1), np.diff(rings))
    left, bottom, right, top = box
    for column, limit, sign in ((0, left, 1), (0, right, -1), (1, bottom, 1), (1, top, -1)):
        beyond = (points[:, column] - limit) * sign < 0
        kept = np.ones(len(points), bool)
        kept[2:-2] = ~(beyond[1:-3] & beyond[2:-2] & beyond[3:-1])
        # Two vertices at both ends of a ring stay, so that it is one.
        kept[2:-2] |= (ring[:-4] != ring[2:-2]) | (ring[4:] != ring[2:-2])
        points, ring = points[kept], ring[kept]
    starts = np.searchsorted(ring, np.arange(len(rings)))
    thinned = shapely.from_ragged_array(kind, points, (starts, shells))
    kept_owners, indices = np.unique(owner, return_inverse=True)
    return np.asarray(shapely.multipolygons(thinned, indices=indices)), kept_owners


def _overlap(extents: npt.NDArray[np.float64], box: Box) -> npt.NDArray[np.bool_]:
    """Whether extents `(n, 4)` overlap a box."""
    left, bottom, right, top = box
    return (extents[:, 0] <= right) & (extents[:, 2] >= left) & (extents[:, 1] <= top) & (extents[:, 3] >= bottom)
