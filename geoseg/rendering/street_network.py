"""Plan the roads of a scene: streets, a motorway, bridges and roundabouts."""

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry.base import BaseGeometry

from .road import Line, Node, Road, cross, cut, join_chains, length, offset, stations
from .scene_styles import Style, draw
from .street_lattice import VERTEX_STEP_M, Bounds, Warp, draw_streets, draw_warp

_MOTORWAY_WIDTH_M = 10.0
_LONGEST_BRIDGE_M = 170.0
_CLEARANCE_M = 8.0
"""Distance of a roundabout from other roads."""
_LEAST_ARM_ANGLE = 0.5
"""Radians between neighbouring arms of a roundabout."""


@dataclass(frozen=True, kw_only=True)
class RoadPlan:
    """Planned roads of a scene, in metres."""

    local: list[Road]
    """Noded streets, avenues and tracks."""
    motorways: list[Road]
    """Carriageways, crossed by `local` only on bridges."""
    islands: Line
    """(n, 2) centres of roundabouts."""

    @property
    def roads(self) -> list[Road]:
        """All roads, bridges last."""
        on_ground = [road for road in self.local if not road.bridge]
        return [*on_ground, *self.motorways, *(road for road in self.local if road.bridge)]


def plan_roads(rng: np.random.Generator, style: Style, bounds: Bounds, water: BaseGeometry) -> RoadPlan:
    """Plan all roads within bounds (left, top, right, bottom) in metres, bridging or avoiding water."""
    warp = draw_warp(rng, straight=rng.random() < 0.3)
    motorways: list[Road] = []
    corridor: BaseGeometry = shapely.Polygon()
    if rng.random() < style.motorway:
        motorways, corridor = _motorway(rng, bounds, warp)
    streets = draw_streets(rng, style, bounds)
    local = []
    for road in streets:
        main = road.width_m >= 9.0
        for piece in cross(road, water, bridge=main or rng.random() < 0.4, longest_m=_LONGEST_BRIDGE_M, abutment_m=5.0):
            if piece.bridge:
                # a bridge next to a motorway would have to cross both: leave a gap
                if not shapely.LineString(piece.line).intersects(corridor):
                    local.append(piece)
                continue
            over = main or rng.random() < 0.25
            local += cross(piece, corridor, bridge=over, longest_m=90.0, abutment_m=6.0)
    carriageways = [
        piece
        for road in motorways
        for piece in cross(road, water, bridge=True, longest_m=10.0 * _LONGEST_BRIDGE_M, abutment_m=5.0)
    ]
    local = join_chains(_drop_unreachable([road for road in local if road.bridge or length(road.line) > 15.0], bounds))
    local, islands = _add_roundabouts(rng, local, draw(rng, style.roundabouts))
    return RoadPlan(local=local, motorways=carriageways, islands=islands)


def _motorway(rng: np.random.Generator, bounds: Bounds, warp: Warp) -> tuple[list[Road], BaseGeometry]:
    """Return a dual carriageway across the scene, and its corridor, which streets cross only on bridges."""
    left, top, right, bottom = bounds
    centre = np.array([rng.uniform(left, right), rng.uniform(top, bottom)])
    angle = rng.uniform(0.0, np.pi)
    reach = np.hypot(right - left, bottom - top) * 1.3
    steps = np.arange(-reach, reach, VERTEX_STEP_M)[:, None]
    middle = warp(centre + steps * np.array([np.cos(angle), np.sin(angle)]))
    half = _MOTORWAY_WIDTH_M / 2 + rng.uniform(1.5, 6.0)
    surface = str(rng.choice(["asphalt", "old asphalt", "concrete", "fresh asphalt"]))
    carriageways = [
        Road(line=offset(middle, side * half), width_m=_MOTORWAY_WIDTH_M, surface=surface) for side in (-1.0, 1.0)
    ]
    window = shapely.box(*bounds).buffer(40.0)
    clipped = [
        Road(line=np.array(part.coords), width_m=road.width_m, surface=road.surface)
        for road in carriageways
        for part in shapely.get_parts(shapely.LineString(road.line).intersection(window))
        if part.length > 20.0
    ]
    corridor = shapely.LineString(middle).buffer(half + _MOTORWAY_WIDTH_M / 2 + 4.0).intersection(window)
    return clipped, corridor


def _drop_unreachable(roads: list[Road], bounds: Bounds) -> list[Road]:
    """Drop roads without a path to the edge of the scene."""
    if not roads:
        return roads
    nodes: dict[Node, int] = {}
    ends = np.array([[nodes.setdefault(end, len(nodes)) for end in road.ends] for road in roads])
    graph = coo_array((np.ones(len(roads)), ends.T), shape=(len(nodes), len(nodes)))
    _, component = connected_components(graph, directed=False)
    places = np.array(list(nodes))
    left, top, right, bottom = bounds
    outside = (places[:, 0] <= left) | (places[:, 0] >= right) | (places[:, 1] <= top) | (places[:, 1] >= bottom)
    joined = np.isin(component, component[outside])
    return [road for road, (first, _) in zip(roads, ends, strict=True) if joined[first]]


def _add_roundabouts(rng: np.random.Generator, roads: list[Road], share: float) -> tuple[list[Road], Line]:
    """Turn a share of suitable junctions into roundabouts; return all roads, noded, and their centres (n, 2)."""
    arms: defaultdict[Node, list[int]] = defaultdict(list)
    for key, road in enumerate(roads):
        for end in road.ends:
            arms[end].append(key)
    current: dict[int, Road] = dict(enumerate(roads))
    rings: list[Road] = []
    centres = [np.empty((0, 2))]
    for node, keys in arms.items():
        if len(keys) < 3 or rng.random() >= share:
            continue
        radius = float(rng.uniform(11.0, 20.0))
        if len(set(keys)) < len(keys) or not _has_room(node, keys, current, radius):
            continue
        trimmed = {key: _trim(current[key], node, radius) for key in keys}
        widest = max((current[key] for key in keys), key=lambda road: road.width_m)
        ring = _ring(node, radius, [line for line, _ in trimmed.values()])
        if ring is None:
            continue
        for key, (_, road) in trimmed.items():
            current[key] = road
        centres.append(np.array([node]))
        width_m = float(np.clip(widest.width_m, 5.0, 9.0))
        rings += [Road(line=line, width_m=width_m, surface=widest.surface) for line in ring]
    return [*current.values(), *rings], np.concatenate(centres)


def _has_room(node: Node, keys: list[int], roads: dict[int, Road], radius: float) -> bool:
    centre = shapely.Point(node)
    for key, road in roads.items():
        if key in keys:
            if road.bridge or road.width_m < 4.0 or length(road.line) < 3.0 * radius + _CLEARANCE_M:
                return False
        elif shapely.LineString(road.line).distance(centre) < radius + _CLEARANCE_M + road.width_m:
            return False
    return True


def _trim(road: Road, node: Node, radius: float) -> tuple[Line, Road]:
    """End a road at a circle around its node; return the end point and the road."""
    starts_here = road.ends[0] == node
    line = road.line if starts_here else road.line[::-1]
    away = np.hypot(*(line - np.array(node)).T)
    # the last crossing, in case the road re-enters the circle
    last = int(np.flatnonzero(away <= radius)[-1])
    share = (radius - away[last]) / (away[last + 1] - away[last])
    run = stations(line)
    rest = cut(line, np.array([run[last] + share * (run[last + 1] - run[last])]))[1]
    return rest[0], replace(road, line=rest if starts_here else rest[::-1])


def _ring(node: Node, radius: float, ends: list[Line]) -> list[Line] | None:
    """Return the arcs of a roundabout between its arms; None if two arms are too close."""
    centre = np.array(node)
    angles = np.array([np.arctan2(*(end - centre)[::-1]) for end in ends])
    order = np.argsort(angles)
    following = np.roll(order, -1)
    gaps = np.mod(angles[following] - angles[order], 2.0 * np.pi)
    if gaps.min() < _LEAST_ARM_ANGLE:
        return None
    arcs = []
    for here, there, gap in zip(order, following, gaps, strict=True):
        turn = angles[here] + np.linspace(0.0, gap, max(3, int(gap / 0.15)))[1:-1]
        arc = centre + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        arcs.append(np.concatenate([ends[here][None], arc, ends[there][None]]))
    return arcs
