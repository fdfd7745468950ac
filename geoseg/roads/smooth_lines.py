"""Draw edges as lines through pixel centres: straighten them near nodes, smooth them, extend dead ends."""

from collections.abc import Iterator

import numpy as np
import shapely

from geoseg.roads.graph.chains import Chains
from geoseg.roads.graph.graph import Graph
from geoseg.roads.graph.junctions import measure_bends
from geoseg.roads.graph.walking import flatten
from geoseg.roads.skeleton.grid_settings import GridSettings

from .arrays import Floats, Ids, Points
from .line_ends import JUMP
from .line_points import draw, find_corners
from .settings import (
    LEAVING_HALF_WIDTHS,
    LEAVING_OBLIQUE,
    SIMPLIFY_PX,
    SMOOTH_PX,
    TIP_HALF_WIDTHS,
    TIP_HEADING_M,
    TIP_HEADING_PX,
)

_BATCH = 512
"""Edges drawn at a time: each takes some 6 kB, and more of them are hardly faster."""


def draw_lines(graph: Graph, chains: Chains, width_m: Floats, grid: GridSettings) -> Iterator[tuple[Points, Ids]]:
    """Yield the lines of a few hundred edges at a time: column and row of the vertices, and offset of each line.

    Edges that share a node end in the same point; a ring ends where it starts; no line leaves the grid.
    """
    shape, pixel_m, settings = grid.shape, grid.pixel_m, grid.settings
    flat = flatten(graph, chains)
    sigma = max(settings.smooth_m / pixel_m, SMOOTH_PX)
    away = np.arange(-np.ceil(3 * sigma), np.ceil(3 * sigma) + 1)
    weights = np.exp(-0.5 * (away / sigma) ** 2)
    weights /= weights.sum()
    dead = graph.at_ends(graph.degree, 0) == 1
    half_width = np.maximum(graph.half_width_m / pixel_m, 0.5)
    # A dead end of a skeleton leads to a corner; the road's width is measured further back.
    body = np.maximum(graph.at_ends(half_width, 0).max(axis=1), np.nan_to_num(width_m) / 2 / pixel_m)
    bends = measure_bends(graph, chains, grid)
    heading = max(TIP_HEADING_M / pixel_m, TIP_HEADING_PX)
    sizes = _corner_counts(graph)
    for first in range(0, len(graph.ends), _BATCH):
        batch = slice(first, min(first + _BATCH, len(graph.ends)))
        offsets = np.concatenate([[0], np.cumsum(sizes[batch])])
        corners = np.empty((offsets[-1], 2))
        find_corners(*flat, shape[1], first, graph.ends, graph.place, offsets, corners)
        steps = _divide(corners, offsets)
        longest = int(np.add.reduceat(steps, offsets[:-1]).max()) + 1
        points = np.empty((int(steps.sum()) + 3 * offsets.size, 2))
        start = np.zeros(offsets.size, np.int64)
        draw(
            corners,
            offsets,
            steps,
            first,
            graph.ends,
            dead,
            graph.place,
            grid.metric / pixel_m,
            half_width,
            TIP_HALF_WIDTHS * body,
            bends,
            weights,
            int(heading),
            LEAVING_HALF_WIDTHS,
            LEAVING_OBLIQUE,
            float(shape[0]),
            float(shape[1]),
            np.empty(longest + weights.size),
            points,
            start,
        )
        yield _simplify(points[: start[-1]], start, tolerance=max(settings.simplify_m / pixel_m, SIMPLIFY_PX))


def _simplify(points: Points, start: Ids, *, tolerance: float) -> tuple[Points, Ids]:
    """Simplify lines, given by their vertices and the offset of each, unless they would collapse to a point."""
    lines = np.asarray(shapely.linestrings(points, indices=np.repeat(np.arange(start.size - 1), np.diff(start))))
    simple = np.asarray(shapely.simplify(lines, tolerance, preserve_topology=False))
    # A narrow loop would collapse to its node.
    flat_loop = shapely.is_closed(lines) & (shapely.get_num_coordinates(simple) < 4)
    simple = np.where(flat_loop | (shapely.length(simple) == 0), lines, simple)
    vertices, owner = shapely.get_coordinates(simple, return_index=True)
    return vertices, np.searchsorted(owner, np.arange(start.size))


def _corner_counts(graph: Graph) -> Ids:
    """Return the number of pixels of each edge, plus those of its nodes, or 1 in a ring, which is closed."""
    pixels = np.concatenate([[0], np.cumsum(np.abs(graph.parts.last - graph.parts.first) + 1)])
    counts: Ids = np.diff(pixels[graph.start]) + np.where(graph.ends[:, 0] < 0, 1, 2)
    return counts


def _divide(corners: Points, offsets: Ids) -> Ids:
    """Return the number of steps that lead to each corner of a line, about a pixel long; 1 at the first."""
    jump = np.hypot(*np.diff(corners, axis=0, prepend=0).T)
    steps: Ids = np.ceil(jump / JUMP).astype(np.int64)
    steps[offsets[:-1]] = 1
    return steps
