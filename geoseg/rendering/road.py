"""Roads, and lines cut exactly: pieces share end points to the last bit."""

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

Line = npt.NDArray[np.float64]
Node = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Road:
    """One edge of the road network."""

    line: Line
    """Centreline, (n, 2) float64 x and y: metres during planning, pixels with integer corners in a rendered scene."""
    width_m: float
    """Width of the carriageway."""
    surface: str
    """A key of `ROAD_SURFACES`."""
    bridge: bool = False
    """Whether it is a bridge over water or another road."""

    @property
    def ends(self) -> tuple[Node, Node]:
        """First and last point."""
        return _node(self.line[0]), _node(self.line[-1])


def _node(point: Line) -> Node:
    return float(point[0]), float(point[1])


def stations(line: Line) -> npt.NDArray[np.float64]:
    """Return the distance of each vertex from the start, (n,) float64, in the line's unit."""
    steps = np.hypot(*np.diff(line, axis=0).T)
    return np.concatenate([[0.0], np.cumsum(steps)])


def along(line: Line, distances: npt.NDArray[np.float64]) -> tuple[Line, Line]:
    """Return points and unit tangents, each (n, 2), at distances (n,) from the start."""
    run = stations(line)
    points = np.stack([np.interp(distances, run, line[:, axis]) for axis in (0, 1)], axis=1)
    segment = np.clip(np.searchsorted(run, distances, side="right") - 1, 0, len(line) - 2)
    tangents = np.diff(line, axis=0)[segment]
    return points, tangents / np.maximum(np.hypot(*tangents.T), 1e-9)[:, None]


def perpendicular(vectors: Line) -> Line:
    """Turn vectors (n, 2) by 90°, to the right if y points down."""
    return np.stack([-vectors[:, 1], vectors[:, 0]], axis=1)


def offset(line: Line, distance: float) -> Line:
    """Shift a smooth line sideways, to the right if y points down."""
    tangents = np.gradient(line, axis=0)
    tangents /= np.maximum(np.hypot(*tangents.T), 1e-9)[:, None]
    return np.asarray(line + distance * perpendicular(tangents))


def cut(line: Line, distances: npt.NDArray[np.float64]) -> list[Line]:
    """Cut a line at ascending distances from its start; neighbouring pieces share exactly the same point."""
    run = stations(line)
    points, _ = along(line, distances)
    pieces = []
    begin, begin_point = 0.0, line[:1]
    for end, end_point in [*zip(distances, points[:, None], strict=True), (run[-1], line[-1:])]:
        between = line[(run > begin + 1e-6) & (run < end - 1e-6)]
        pieces.append(np.concatenate([begin_point, between, end_point]))
        begin, begin_point = end, end_point
    return pieces


def length(line: Line) -> float:
    """Return the length in the line's unit."""
    return float(stations(line)[-1])


def cross(road: Road, obstacle: BaseGeometry, *, bridge: bool, longest_m: float, abutment_m: float) -> list[Road]:
    """Bridge an obstacle, or end the road before it; coordinates are in metres.

    There is no bridge over `longest_m`, or where the road starts or ends inside the obstacle. Bridges extend, and dead
    ends stop, `abutment_m` beyond it.
    """
    path = shapely.LineString(road.line)
    inside = path.intersection(obstacle)
    if inside.is_empty:
        return [road]
    total = path.length
    spans: list[tuple[float, float]] = []
    for part in shapely.get_parts(inside):
        if part.length <= 0.0:
            continue
        ends = sorted(path.project(shapely.Point(part.coords[i])) for i in (0, -1))
        spans.append((max(0.0, ends[0] - abutment_m), min(total, ends[1] + abutment_m)))
    spans.sort()
    merged: list[tuple[float, float]] = []
    for begin, end in spans:
        # bridge short gaps between obstacles, too
        if merged and begin - merged[-1][1] < 12.0:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    pieces: list[Road] = []
    marks = np.array([mark for span in merged for mark in span])
    edges = np.concatenate([[0.0], marks, [total]])
    inner = marks[(marks > 0.0) & (marks < total)]
    for line in cut(road.line, inner):
        middle = path.project(shapely.Point(along(line, np.array([length(line) / 2]))[0][0]))
        slot = int(np.searchsorted(edges, middle)) - 1
        over = slot % 2 == 1
        reaches = edges[slot] > 0.0 and edges[slot + 1] < total
        if not over:
            pieces.append(replace(road, line=line))
        elif bridge and reaches and length(line) <= longest_m:
            pieces.append(replace(road, line=line, bridge=True))
    return pieces


def join_chains(roads: list[Road]) -> list[Road]:
    """Join equal roads that meet at a node of degree 2, so that all other nodes are junctions or ends."""
    lines = dict(enumerate(roads))
    at_node: defaultdict[Node, list[int]] = defaultdict(list)
    for key, road in lines.items():
        for end in road.ends:
            at_node[end].append(key)
    for node, keys in at_node.items():
        if len(keys) != 2 or keys[0] == keys[1]:
            continue
        first, second = lines[keys[0]], lines[keys[1]]
        kind = (first.width_m, first.surface, first.bridge)
        if kind != (second.width_m, second.surface, second.bridge):
            continue
        head = first.line if first.ends[1] == node else first.line[::-1]
        tail = second.line if second.ends[0] == node else second.line[::-1]
        lines[keys[0]] = replace(first, line=np.concatenate([head, tail[1:]]))
        del lines[keys[1]]
        far = _node(tail[-1])
        # at its far end, the joined road replaces the removed one; a closed loop lists it twice
        at_node[far][at_node[far].index(keys[1])] = keys[0]
    return list(lines.values())
