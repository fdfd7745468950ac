"""Places on the lines of a network: at even distances, or where others fall."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from .lines import Ids, LineGraph, Points


@dataclass(frozen=True, kw_only=True, eq=False)
class Stops:
    """Places on the lines of a network."""

    edge: Ids
    """Line on which each stop lies `(stops,)`."""
    along_m: npt.NDArray[np.float64]
    """How far from the start of its line `(stops,)`."""
    place: Points
    """x and y `(stops, 2)`."""


def spaced_stops(graph: LineGraph, step_m: float) -> Stops:
    """Return all nodes and, between them, points at equal distances of at most `step_m`.

    A line without such a point gets one in its middle if it is at least three quarters of the step long, as SpaceNet
    has it.
    """
    length_m = graph.length_m
    pieces = np.maximum(np.ceil(length_m / step_m).astype(np.int64), np.where(length_m >= 0.75 * step_m, 2, 1))
    inner = np.repeat(np.arange(len(pieces)), pieces - 1)
    number = np.arange(len(inner)) - np.repeat(np.cumsum(pieces - 1) - (pieces - 1), pieces - 1) + 1
    # Each node once: as the end of one of its lines.
    _, first = np.unique(graph.ends.ravel(), return_index=True)
    edge = np.concatenate([first // 2, inner])
    along_m = np.concatenate(
        [np.where(first % 2 == 0, 0.0, length_m[first // 2]), number / pieces[inner] * length_m[inner]]
    )
    place = shapely.get_coordinates(shapely.line_interpolate_point(graph.lines[edge], along_m))
    return Stops(edge=edge, along_m=along_m, place=place)


def snapped(graph: LineGraph, place: Points, reach_m: float) -> tuple[Ids, Stops]:
    """Find the nearest places on a network: which of the places `(places, 2)` are within reach, and where they fall."""
    points = np.asarray(shapely.points(place))
    tree = shapely.STRtree(graph.lines)
    which, edge = tree.query_nearest(points, max_distance=reach_m, all_matches=False)
    along_m = np.asarray(shapely.line_locate_point(graph.lines[edge], points[which]))
    fallen = shapely.get_coordinates(shapely.line_interpolate_point(graph.lines[edge], along_m))
    return which, Stops(edge=edge, along_m=along_m, place=fallen)


def even_stops(graph: LineGraph, step_m: float) -> Stops:
    """Return points along all lines, about a step apart and half a step from the ends."""
    counts = np.maximum(np.rint(graph.length_m / step_m).astype(np.int64), 1)
    edge = np.repeat(np.arange(len(counts)), counts)
    share = (np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + 0.5) / counts[edge]
    along_m: npt.NDArray[np.float64] = share * graph.length_m[edge]
    place = shapely.get_coordinates(shapely.line_interpolate_point(graph.lines[edge], along_m))
    return Stops(edge=edge, along_m=along_m, place=place)
