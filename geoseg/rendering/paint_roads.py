"""Paint roads: pavements, carriageways, corners, turning circles, markings, bridges and cars."""

from collections import Counter

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from .boxes import Boxes, Floats, boxes, concatenate
from .canvas import Canvas
from .road import Line, Road, along, length, offset, perpendicular, stations
from .scene_styles import Style
from .street_network import RoadPlan
from .surfaces import ROAD_SURFACES, VEGETATED, SurfaceClass, reflectances

PAVEMENT_M = 2.0
_DECK_M = 5.5
_TURNING_RADIUS_M = 8.0
_PAINTED = frozenset({"fresh asphalt", "asphalt", "old asphalt", "concrete"})
_CAR_COLOURS = np.array(
    [
        (0.55, 0.55, 0.55), (0.75, 0.75, 0.74), (0.02, 0.02, 0.025), (0.05, 0.05, 0.06), (0.20, 0.20, 0.21),
        (0.26, 0.03, 0.03), (0.04, 0.07, 0.18), (0.35, 0.33, 0.28), (0.04, 0.08, 0.05), (0.40, 0.29, 0.05),
    ],
    np.float32,
)  # fmt: skip
_CAR_SHARES = [0.18, 0.28, 0.14, 0.12, 0.13, 0.04, 0.05, 0.03, 0.02, 0.01]


def paint_roads(rng: np.random.Generator, canvas: Canvas, style: Style, plan: RoadPlan) -> None:
    """Paint all roads, bridges on top, with markings and traffic."""
    ground = [road for road in plan.local if not road.bridge]
    if "rural" not in style.layouts and ground:
        _paint_pavements(rng, canvas, ground)
    _paint_islands(rng, canvas, plan)
    marked = 0.0 if rng.random() < 0.2 else rng.uniform(0.2, 1.0)
    _paint_layer(rng, canvas, ground, marked=marked)
    for bridged in (False, True):
        _paint_layer(rng, canvas, [r for r in plan.motorways if r.bridge is bridged], marked=max(marked, 0.5))
    _paint_layer(rng, canvas, [road for road in plan.local if road.bridge], marked=marked)
    paint_cars(rng, canvas, _traffic(rng, plan))


def _paint_islands(rng: np.random.Generator, canvas: Canvas, plan: RoadPlan) -> None:
    islands = [shapely.Point(centre).buffer(12.0, quad_segs=6) for centre in plan.islands]
    ground = str(rng.choice(["lawn", "grass", "dry_grass", "paving"]))
    cells, _ = canvas.cells_in(islands)
    canvas.paint(cells, reflectances([ground]).T * (np.float32(1.0) + np.float32(0.12) * canvas.grain.ravel()[cells]))
    canvas.classes.ravel()[cells] = SurfaceClass.VEGETATION if ground in VEGETATED else SurfaceClass.LAND


def _paint_pavements(rng: np.random.Generator, canvas: Canvas, roads: list[Road]) -> None:
    sides = [
        shapely.LineString(road.line).buffer(road.width_m / 2 + PAVEMENT_M, quad_segs=3)
        for road in roads
        if road.surface in _PAINTED
    ]
    cells, _ = canvas.cells_in(sides)
    ground = str(rng.choice(["concrete", "paving", "grass", "pale_soil"]))
    colour = reflectances([ground])[0] * np.float32(rng.uniform(0.7, 1.1))
    canvas.paint(cells, colour[:, None], opacity=float(rng.uniform(0.6, 0.95)))
    canvas.classes.ravel()[cells] = SurfaceClass.VEGETATION if ground in VEGETATED else SurfaceClass.LAND


def outline(road: Road) -> BaseGeometry:
    """Return the area of a carriageway."""
    path = shapely.LineString(road.line)
    return path.buffer(road.width_m / 2, quad_segs=4, cap_style="flat" if road.bridge else "round")


def _paint_layer(rng: np.random.Generator, canvas: Canvas, roads: list[Road], *, marked: float) -> None:
    """Paint roads on one level; `marked` is the freshness of markings, from 0 (none) to 1."""
    if not roads:
        return
    areas: list[BaseGeometry] = [outline(road) for road in roads]
    owners = list(range(len(roads)))
    if roads[0].bridge:
        _raise_decks(canvas, roads)
    else:
        meeting = Counter(end for road in roads for end in road.ends)
        for key, road in enumerate(roads):
            for end in road.ends:
                if meeting[end] == 1 and road.width_m >= 5.0 and rng.random() < 0.5:
                    areas.append(shapely.Point(end).buffer(_TURNING_RADIUS_M, quad_segs=5))
                    owners.append(key)
        rounded_kerbs = shapely.union_all(areas).buffer(3.0, quad_segs=2).buffer(-3.0, quad_segs=2)
        areas.insert(0, rounded_kerbs)
        owners.insert(0, int(np.argmax([road.width_m for road in roads])))
    cells, area = canvas.cells_in(areas)
    of = np.array(owners)[area]
    colours = reflectances([road.surface for road in roads], ROAD_SURFACES)
    colours *= _per_surface_tone(rng, roads)[:, None]
    grain, drift = canvas.grain.ravel()[cells], canvas.drift.ravel()[cells]
    tone = np.float32(1.0) + np.float32(0.06) * grain + np.float32(0.07) * drift
    canvas.paint(cells, colours[of].T * tone)
    canvas.classes.ravel()[cells] = SurfaceClass.ROAD
    canvas.lighting.ravel()[cells] = 1.0
    _paint_wear(rng, canvas, roads)
    if marked > 0.0:
        _paint_markings(canvas, roads, marked)


def _per_surface_tone(rng: np.random.Generator, roads: list[Road]) -> npt.NDArray[np.float32]:
    """Return the brightness of each road, similar within a surface: towns pave many streets at once."""
    base = {surface: rng.uniform(0.75, 1.3) for surface in sorted({road.surface for road in roads})}
    return np.array([base[road.surface] * rng.uniform(0.93, 1.07) for road in roads], np.float32)


def _raise_decks(canvas: Canvas, roads: list[Road]) -> None:
    """Paint parapets, and raise decks only over water and roads, so that ramps cast no shadow."""
    decks = [shapely.LineString(road.line).buffer(road.width_m / 2 + 0.8, cap_style="flat") for road in roads]
    cells, _ = canvas.cells_in(decks)
    below = canvas.classes.ravel()[cells]
    over = cells[(below == SurfaceClass.WATER) | (below == SurfaceClass.ROAD)]
    canvas.paint(cells, reflectances(["concrete"]).T)
    canvas.heights.ravel()[over] = _DECK_M
    canvas.lighting.ravel()[cells] = 1.0


def _paint_wear(rng: np.random.Generator, canvas: Canvas, roads: list[Road]) -> None:
    """Darken or lighten the wheel paths."""
    paths = [np.empty((0, 2, 2))]
    for road in roads:
        lanes = max(1, round(road.width_m / 3.5))
        centres = (np.arange(lanes) - (lanes - 1) / 2) * road.width_m / lanes
        wheels = [c + w for c in centres for w in (-0.8, 0.8)] if canvas.cell_m < 0.8 else list(centres)
        paths += [_segments(offset(road.line, shift)) for shift in wheels]
    worn = np.concatenate(paths)
    cells = canvas.cells_along(worn[:, 0], worn[:, 1])
    shine = np.float32(rng.choice([-0.13, 0.1, 0.15]))
    flat = canvas.albedo.reshape(4, -1)
    for band in range(4):
        flat[band, cells] *= np.float32(1.0) + shine


def _paint_markings(canvas: Canvas, roads: list[Road], freshness: float) -> None:
    """Paint edge lines and dashes, thinned by the share of a cell that a line covers."""
    lines = [np.empty((0, 2, 2))]
    for road in roads:
        if road.surface not in _PAINTED or road.width_m < 6.0 or length(road.line) < 12.0:
            continue
        half = road.width_m / 2
        if road.width_m >= 9.0:
            lines += [_segments(offset(road.line, side * (half - 0.5))) for side in (-1.0, 1.0)]
            lanes = max(2, round(road.width_m / 3.3))
            between = (np.arange(1, lanes) / lanes - 0.5) * (road.width_m - 1.0)
        else:
            between = np.zeros(1)
        lines += [_dashes(road, float(shift)) for shift in between]
    painted = np.concatenate(lines)
    cells = canvas.cells_along(painted[:, 0], painted[:, 1])
    cells = cells[canvas.classes.ravel()[cells] == SurfaceClass.ROAD]
    white = np.full((4, 1), 0.6, np.float32)
    canvas.paint(cells, white, opacity=float(freshness * min(0.9, 0.15 / canvas.cell_m)))


def _segments(line: Line) -> Floats:
    """Return start and end of each segment, (n, 2, 2)."""
    return np.stack([line[:-1], line[1:]], axis=1)


def _dashes(road: Road, shift: float) -> Floats:
    line = offset(road.line, shift)
    starts = np.arange(6.0, stations(line)[-1] - 9.0, 9.0)
    begin, _ = along(line, starts)
    end, _ = along(line, starts + 3.0)
    return np.stack([begin, end], axis=1)


def _traffic(rng: np.random.Generator, plan: RoadPlan) -> Boxes:
    """Place moving and parked vehicles."""
    flow, parked = rng.uniform(0.0, 0.006), rng.uniform(0.0, 0.06)
    groups = []
    for road in plan.roads:
        total = length(road.line)
        busy = flow * (3.0 if road.width_m >= 9.0 else 0.6)
        for side in (-1.0, 1.0):
            where = rng.uniform(0.0, total, rng.poisson(total * busy))
            lane = side * rng.uniform(0.2, 0.32, len(where)) * road.width_m
            groups.append(_vehicles(rng, road, where, lane))
            if 6.0 <= road.width_m <= 9.0 and not road.bridge:
                kerb = np.arange(12.0, max(12.0, total - 12.0), 6.0)
                kerb = kerb[rng.random(len(kerb)) < parked]
                groups.append(_vehicles(rng, road, kerb, np.full(len(kerb), side * (road.width_m / 2 - 0.9))))
    return concatenate(groups)


def _vehicles(rng: np.random.Generator, road: Road, where: Floats, lane: Floats) -> Boxes:
    points, tangents = along(road.line, where)
    lorry = (rng.random(len(where)) < 0.08) & (road.width_m >= 9.0)
    half_length = np.where(lorry, rng.uniform(3.5, 8.0, len(where)), rng.uniform(1.9, 2.5, len(where)))
    return boxes(points + perpendicular(tangents) * lane[:, None], tangents, half_length, np.where(lorry, 1.25, 0.92))


def paint_cars(rng: np.random.Generator, canvas: Canvas, cars: Boxes) -> None:
    """Paint vehicles with dark windows; they do not change the class of the ground."""
    ground = canvas.classes.ravel()[canvas.cells_at(cars.centre)]
    cars = cars[(ground == SurfaceClass.ROAD) | (ground == SurfaceClass.LAND)]
    cells, of, towards = canvas.cells_within(cars)
    visible = _CAR_COLOURS[rng.choice(len(_CAR_COLOURS), len(cars), p=_CAR_SHARES)]
    colours = np.concatenate([visible, visible.mean(axis=1, keepdims=True)], axis=1)
    glass = np.abs(np.abs(towards) - 0.45) < 0.15
    canvas.paint(cells, np.where(glass, np.float32(0.03), colours[of].T))
    canvas.heights.ravel()[cells] = np.maximum(
        canvas.heights.ravel()[cells], np.where(cars.half[of, 0] > 3.0, 3.2, 1.4).astype(np.float32)
    )
