"""Trace the borders in a band of faces as arcs along pixel sides, from node to node."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled

from .components import Labels

Bytes = npt.NDArray[np.uint8]
Points = npt.NDArray[np.int32]
Starts = npt.NDArray[np.int64]

# Directions, clockwise as seen with rows downward; a mask has bit `1 << direction` for each.
EAST, SOUTH, WEST, NORTH = 0, 1, 2, 3
STEP_X = np.array([1, 0, -1, 0])
STEP_Y = np.array([0, 1, 0, -1])
# Row and column, in the frame, of the face to the left of a step from `(0, 0)`; the next one is to its right.
LEFT_Y = np.array([0, 1, 1, 0])
LEFT_X = np.array([1, 1, 0, 0])
SOFT_START, SOFT_END = 1, 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Arcs:
    """Borders between two faces, from node to node; closed where they have no node.

    Nodes are the lattice points where three or four borders meet, or where a border crosses into another band.
    """

    points: Points
    """Ends and bends `(points, 2)` as x and y: integers at pixel corners, y from the top of the band."""
    start: Starts
    """Offsets of the arcs in `points`, `(arcs + 1,)`."""
    left: Labels
    right: Labels
    """Faces on either side of the arc, `(arcs,)`; -1 for none."""
    leaving: Bytes
    arriving: Bytes
    """Directions of the first and last step, `(arcs,)`."""
    soft: Bytes
    """`SOFT_START` and `SOFT_END` where the border continues in the band above without a node, `(arcs,)`."""


def trace(faces: Labels) -> Arcs:
    """Trace the borders of a band; arcs are in the order of their first points, closed arcs last.

    The faces of the band are framed, `(rows + 2, columns + 2)`. The first row of the frame holds the faces above the
    band, the last repeats the band's last row; -1 elsewhere, and below the last band. Borders on the top line of the
    band are traced, those on its bottom line belong to the next band.
    """
    bends, ends = _survey(faces)
    points, start, left, right, leaving, arriving, soft = _trace(faces, bends, ends)
    return Arcs(points=points, start=start, left=left, right=right, leaving=leaving, arriving=arriving, soft=soft)


@compiled
def _borders(faces: Labels, y: int, x: int) -> int:
    """Return the mask of directions in which borders leave a lattice point."""
    mask = 0
    if faces[y, x + 1] != faces[y + 1, x + 1]:
        mask |= 1 << EAST
    if faces[y + 1, x] != faces[y + 1, x + 1] and y < faces.shape[0] - 2:
        mask |= 1 << SOUTH
    if faces[y, x] != faces[y + 1, x]:
        mask |= 1 << WEST
    if faces[y, x] != faces[y, x + 1]:
        mask |= 1 << NORTH
    return mask


@compiled
def _degree(mask: int) -> int:
    return (mask & 1) + (mask >> 1 & 1) + (mask >> 2 & 1) + (mask >> 3)


@compiled
def _is_node(mask: int, y: int) -> bool:
    """Whether arcs end at a lattice point with borders; on the bottom line, all do."""
    return _degree(mask) != 2 or (y == 0 and mask & 1 << NORTH != 0)


@compiled
def _survey(faces: Labels) -> tuple[int, int]:
    """Count the bends and ends of arcs."""
    bends, ends = 0, 0
    for y in range(faces.shape[0] - 1):
        for x in range(faces.shape[1] - 1):
            mask = _borders(faces, y, x)
            if mask == 0:
                continue
            if _is_node(mask, y):
                ends += _degree(mask) - (1 if y == 0 and mask & 1 << NORTH else 0)
            elif mask not in (1 << EAST | 1 << WEST, 1 << NORTH | 1 << SOUTH):
                bends += 1
    return bends, ends


@compiled
def _trace(faces: Labels, bends: int, ends: int) -> tuple[Points, Starts, Labels, Labels, Bytes, Bytes, Bytes]:
    lines, crossings = faces.shape[0] - 1, faces.shape[1] - 1
    most = ends // 2 + bends // 4  # a closed arc has four bends or more
    points = np.empty((bends + ends + bends // 4, 2), np.int32)
    start = np.zeros(most + 1, np.int64)
    left, right = np.empty(most, np.int32), np.empty(most, np.int32)
    leaving, arriving, soft = np.empty(most, np.uint8), np.empty(most, np.uint8), np.zeros(most, np.uint8)
    walked = np.zeros((lines, crossings), np.uint8)  # masks of the borders traced so far
    count, filled = 0, 0
    for closed in (False, True):
        for y0 in range(lines):
            for x0 in range(crossings):
                mask = _borders(faces, y0, x0)
                if mask == 0 or (_is_node(mask, y0) == closed):
                    continue
                for way in range(1 if closed else 4):
                    if not mask >> way & 1 or (way == NORTH and y0 == 0) or walked[y0, x0] >> way & 1:
                        continue
                    x, y, direction, here = x0, y0, way, mask
                    left[count] = faces[y0 + LEFT_Y[way], x0 + LEFT_X[way]]
                    right[count] = faces[y0 + LEFT_Y[(way + 1) % 4], x0 + LEFT_X[(way + 1) % 4]]
                    leaving[count] = way
                    points[filled, 0], points[filled, 1] = x, y
                    filled += 1
                    while True:
                        walked[y, x] |= 1 << direction
                        x += STEP_X[direction]
                        y += STEP_Y[direction]
                        walked[y, x] |= 1 << (direction + 2) % 4
                        here = _borders(faces, y, x)
                        if (x == x0 and y == y0) or _is_node(here, y):
                            break
                        here &= ~(1 << (direction + 2) % 4)
                        if not here >> direction & 1:
                            points[filled, 0], points[filled, 1] = x, y
                            filled += 1
                            direction = 0
                            while not here >> direction & 1:
                                direction += 1
                    points[filled, 0], points[filled, 1] = x, y
                    filled += 1
                    arriving[count] = direction
                    if not closed:
                        soft[count] = (SOFT_START if y0 == 0 and _degree(mask) == 2 else 0) | (
                            SOFT_END if y == 0 and _degree(here) == 2 else 0
                        )
                    count += 1
                    start[count] = filled
    return (
        points[:filled],
        start[: count + 1],
        left[:count],
        right[:count],
        leaving[:count],
        arriving[:count],
        soft[:count],
    )
