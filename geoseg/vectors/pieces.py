"""Cut lines into pieces of few vertices, so that operations on them take time linear in the vertices."""

import numpy as np
import numpy.typing as npt
import shapely

from .read import Geometries


def cut_pieces(
    lines: Geometries, *, most: int, kept: npt.NDArray[np.bool_] | None = None
) -> tuple[Geometries, npt.NDArray[np.int64]]:
    """Cut LineStrings into pieces of at most `most` vertices, in order; return the index of each piece's line, too.

    Consecutive pieces share a vertex. `kept` says which segments `(vertices - 1,)`, between consecutive vertices of all
    lines, belong to a piece; those between two lines never do.
    """
    points, line = shapely.get_coordinates(lines, return_index=True)
    within = line[:-1] == line[1:]
    segments = np.flatnonzero(within if kept is None else within & kept)
    # A run of segments of one line is a piece, unless it is too long.
    is_first = np.ones(len(segments), bool)
    is_first[1:] = (np.diff(segments) > 1) | (np.diff(line[segments]) > 0)
    first = np.flatnonzero(is_first)
    place = np.arange(len(segments)) - np.repeat(first, np.diff(np.append(first, len(segments))))
    is_opening = place % (most - 1) == 0
    piece, opening = np.cumsum(is_opening) - 1, np.flatnonzero(is_opening)
    # The vertices of a piece: the start of its first segment, and the ends of all.
    vertices = np.insert(segments + 1, opening, segments[opening])
    members = np.insert(piece, opening, piece[opening])
    return np.asarray(shapely.linestrings(points[vertices], indices=members)), line[segments[opening]]
