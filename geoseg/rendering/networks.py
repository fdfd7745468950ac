"""The road network of a scene: streets, a motorway, and what happens where they meet each other or water."""

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry.base import BaseGeometry

from .lattice import VERTEX_STEP_M, Bounds, Warp, draw_streets, draw_warp
from .roads import Line, Node, Road, cross, join_chains, length, offset
from .roundabouts import build_roundabouts
from .style import Style, draw

_MOTORWAY_WIDTH_M = 10.0
_LONGEST_BRIDGE_M = 170.0


@dataclass(frozen=True, kw_only=True)
class RoadPlan:
    """Roads of a scene, in metres, before anything is painted."""

    local: list[Road]
    """Streets, avenues and tracks; noded."""
    motorways: list[Road]
    """Carriageways of the dual carriageway, crossed by `local` on bridges only."""
    islands: Line
    """(n, 2) centres of roundabouts."""

    @property
    def roads(self) -> list[Road]:
        """All roads, those on top last."""
        on_ground = [road for road in self.local if not road.bridge]
        return [*on_ground, *self.motorways, *(road for road in self.local if road.bridge)]


def plan_roads(rng: np.random.Generator, style: Style, bounds: Bounds, water: BaseGeometry) -> RoadPlan:
    """Lay out all roads within bounds (left, top, right, bottom) in metres, bridging or avoiding the water."""
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
                # where water runs beside the motorway a bridge would have to cross both: leave the gap
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
    local = join_chains(_reachable([road for road in local if road.bridge or length(road.line) > 15.0], bounds))
    local, islands = build_roundabouts(rng, local, draw(rng, style.roundabouts))
    return RoadPlan(local=local, motorways=carriageways, islands=islands)


def _motorway(rng: np.random.Generator, bounds: Bounds, warp: Warp) -> tuple[list[Road], BaseGeometry]:
    """Lay a dual carriageway across the scene; also return the corridor no street enters at grade."""
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


def _reachable(roads: list[Road], bounds: Bounds) -> list[Road]:
    """Drop roads that no path joins to the edge of the scene."""
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
