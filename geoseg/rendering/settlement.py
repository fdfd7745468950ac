"""Plan buildings: houses on plots along the streets, and the halls of `commerce`."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from .boxes import Boxes, Floats, boxes, clear_of, concatenate, first_of_overlapping
from .commerce import plan_commerce
from .land_use import Parcel
from .paint_roads import PAVEMENT_M, outline
from .road import along, length, perpendicular
from .scene_styles import Style, draw
from .street_network import RoadPlan

FLAT, GABLE, HIP = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Buildings:
    """Building footprints with heights and roofs."""

    footprint: Boxes
    eaves_m: Floats
    """(n,) height of the walls."""
    roof: npt.NDArray[np.int64]
    """(n,) `FLAT`, `GABLE` or `HIP`."""
    house: npt.NDArray[np.int64]
    """(n,) number of the house each belongs to: wings share the roof colour of their house."""


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """All that is built except roads."""

    buildings: Buildings
    plots: Boxes
    """One per house, with its axis along the street."""
    drives: Boxes
    """Driveways and patios."""
    pools: Boxes
    parked: Boxes
    """Vehicles in car parks and on drives."""


def plan_settlement(
    rng: np.random.Generator, style: Style, plan: RoadPlan, parcels: list[Parcel], water: BaseGeometry
) -> Settlement:
    """Place buildings clear of roads, water and each other."""
    roads = plan.roads
    clearance = [outline(road).buffer(1.0, quad_segs=2) for road in roads]
    islands = [shapely.Point(centre).buffer(20.0) for centre in plan.islands]
    blocked = shapely.STRtree([*clearance, *islands, water.buffer(3.0)])
    plots, street_side = _plots(rng, style, plan, parcels)
    attached = style.storeys[1] > 4 and rng.random() < 0.6
    house, wing = _houses(rng, style, plots, street_side, attached=attached)
    ok = clear_of(blocked, house) & clear_of(blocked, wing)
    # party walls touch, and may overlap slightly on the inside of a bend
    gap_m = -0.7 if attached else 0.6
    ok[ok] = first_of_overlapping(shapely.union(house[ok].polygons(gap_m), wing[ok].polygons(gap_m)))
    plots, house, wing, street_side = plots[ok], house[ok], wing[ok], street_side[ok]
    halls, parked = plan_commerce(rng, parcels, blocked, house)

    count, flat_share = len(house), draw(rng, style.flat_roofs)
    eaves = 3.0 * np.maximum(1.0, np.round(rng.uniform(*style.storeys, count) + rng.normal(0.0, 0.3, count)))
    roof = np.where(rng.random(count) < flat_share, FLAT, rng.choice([GABLE, GABLE, HIP], count))
    shed = _sheds(rng, plots, house, blocked, street_side)
    hall_eaves = rng.uniform(5.0, 11.0, len(halls))
    if style.storeys[1] > 4:
        hall_eaves += rng.uniform(0.0, 12.0, len(halls))
    buildings = _assemble(
        rng, roof, house=house, wing=wing, shed=shed, halls=halls, eaves_m=eaves, hall_eaves_m=hall_eaves
    )
    pooled = rng.random(count) < draw(rng, style.pools)
    drives, drive_cars = _drives(rng, plots, house, street_side)
    return Settlement(
        buildings=buildings,
        plots=plots,
        drives=drives,
        pools=_pools(rng, plots[pooled], street_side[pooled], house, blocked),
        parked=concatenate([parked, drive_cars]),
    )


def _assemble(
    rng: np.random.Generator,
    roof: npt.NDArray[np.int64],
    *,
    house: Boxes,
    wing: Boxes,
    shed: Boxes,
    halls: Boxes,
    eaves_m: Floats,
    hall_eaves_m: Floats,
) -> Buildings:
    """Join houses and their wings, sheds, halls, and small structures on flat roofs; `roof` is that of the houses."""
    count = len(house)
    number = np.arange(count)
    flat = np.flatnonzero(roof == FLAT)
    tops = concatenate([halls, house[flat]])
    top_m = np.concatenate([hall_eaves_m, eaves_m[flat]])
    clutter_on, clutter = _roof_clutter(rng, tops)
    return Buildings(
        footprint=concatenate([house, wing, shed, halls, clutter]),
        eaves_m=np.concatenate(
            [
                eaves_m,
                eaves_m * 0.9,
                np.full(len(shed), 2.3),
                hall_eaves_m,
                top_m[clutter_on] + rng.uniform(0.8, 2.0, len(clutter)),
            ]
        ),
        roof=np.concatenate(
            [roof, roof, rng.choice([FLAT, GABLE], len(shed)), np.full(len(halls) + len(clutter), FLAT)]
        ),
        house=np.concatenate(
            [number, number, count + np.arange(len(shed)), count + len(shed) + np.arange(len(halls) + len(clutter))]
        ),
    )


def _plots(rng: np.random.Generator, style: Style, plan: RoadPlan, parcels: list[Parcel]) -> tuple[Boxes, Floats]:
    """Return plots on both sides of streets in built-up parcels, and the side that faces the street, +1 or -1."""
    frontage = draw(rng, style.frontage_m)
    deep = frontage * rng.uniform(1.1, 1.7)
    rows = 2 if style.storeys[1] > 4 else 1
    groups, sides = [], []
    for road in plan.local:
        if road.bridge or road.width_m < 4.0:
            continue
        where = np.arange(frontage * rng.uniform(0.5, 1.0), length(road.line) - frontage / 2, frontage)
        where = where + rng.normal(0.0, 0.04 * frontage, len(where))
        points, tangents = along(road.line, where)
        normals = perpendicular(tangents)
        kerb = road.width_m / 2 + PAVEMENT_M
        for side in (-1.0, 1.0):
            for row in range(rows):
                centre = points + side * (kerb + deep * (row + 0.5)) * normals
                groups.append(boxes(centre, tangents, frontage / 2, deep / 2))
                sides.append(np.full(len(centre), -side))
    plots, street_side = concatenate(groups), np.concatenate(sides or [np.empty(0)])
    built = [parcel.area for parcel in parcels if parcel.use == "plots"]
    inside = np.zeros(len(plots), bool)
    inside[shapely.STRtree(built).query(shapely.points(plots.centre), predicate="within")[0]] = True
    vacancy = rng.uniform(0.0, 0.25)
    inside &= rng.random(len(plots)) > vacancy
    return plots[inside], street_side[inside]


def _houses(
    rng: np.random.Generator, style: Style, plots: Boxes, street_side: Floats, *, attached: bool
) -> tuple[Boxes, Boxes]:
    """Return a house per plot, near the street, and its perpendicular wing; attached houses fill their frontage."""
    count = len(plots)
    least, most = style.house_m
    long = np.minimum(rng.uniform((least + most) / 2, most, count), 2.0 * plots.half[:, 0] - 1.5) / 2
    if attached:
        long = plots.half[:, 0]
    deep = rng.uniform(least, (least + most) / 2, count) / 2
    yard_m = (2.0, 8.0) if style.storeys[1] <= 4 else (0.5, 2.5)
    setback = rng.uniform(*yard_m) + rng.uniform(-0.8, 0.8, count)
    across = street_side * np.maximum(plots.half[:, 1] - setback - deep, 0.0)
    aside = rng.uniform(-0.5, 0.5, count) * np.maximum(plots.half[:, 0] - long - 1.0, 0.0)
    spun = rng.normal(0.0, 0.0 if attached else 0.04, count)
    axis = plots.axis * np.cos(spun)[:, None] + plots.across * np.sin(spun)[:, None]
    turned = rng.random(count) < (0.0 if attached else 0.3)
    house = boxes(plots.at(aside, across), axis, np.where(turned, deep, long), np.where(turned, long, deep))
    back = -street_side * rng.uniform(0.4, 1.0, count) * house.half[:, 1]
    size = np.where(rng.random(count) < 0.55, rng.uniform(0.55, 0.9, count), 0.3)
    shift = rng.choice([-1.0, 1.0], count) * house.half[:, 0] * (1.0 - size * 0.8)
    wing = boxes(house.at(shift * 0.9, back * 0.8), house.across, size * deep * 1.1, size * deep * 0.8)
    return house, wing


def _sheds(
    rng: np.random.Generator, plots: Boxes, house: Boxes, blocked: shapely.STRtree, street_side: Floats
) -> Boxes:
    chosen = np.flatnonzero(rng.random(len(plots)) < rng.uniform(0.1, 0.5))
    plot = plots[chosen]
    across = -street_side[chosen] * (plot.half[:, 1] - rng.uniform(2.5, 6.0, len(chosen)))
    where = plot.at(rng.uniform(-0.7, 0.7, len(chosen)) * plot.half[:, 0], across)
    sheds = boxes(where, plot.axis, rng.uniform(1.5, 3.5, len(chosen)), rng.uniform(1.3, 2.5, len(chosen)))
    return sheds[clear_of(blocked, sheds) & clear_of(shapely.STRtree(house.polygons(1.0)), sheds)]


def _drives(rng: np.random.Generator, plots: Boxes, house: Boxes, street_side: Floats) -> tuple[Boxes, Boxes]:
    chosen = rng.random(len(plots)) < rng.uniform(0.3, 0.95)
    plot, side = plots[chosen], street_side[chosen]
    reach = rng.uniform(8.0, 18.0, len(plot))
    aside = rng.choice([-1.0, 1.0], len(plot)) * (plot.half[:, 0] - 2.2)
    across = side * (plot.half[:, 1] - reach / 2 + PAVEMENT_M)
    drives = boxes(plot.at(aside, across), plot.across, reach / 2 + 0.5, rng.uniform(1.4, 2.6, len(plot)))
    patio = rng.random(len(house)) < 0.4
    patios = boxes(
        house.at(np.zeros(len(house)), -street_side * house.half[:, 1])[patio],
        house.axis[patio],
        house.half[patio, 0] * 0.6,
        3.5,
    )
    used = rng.random(len(drives)) < 0.45
    cars = boxes(
        drives.at(rng.uniform(-2.0, 2.0, len(drives)), np.zeros(len(drives)))[used], drives.axis[used], 2.2, 0.9
    )
    return concatenate([drives, patios]), cars


def _pools(
    rng: np.random.Generator, plots: Boxes, street_side: Floats, house: Boxes, blocked: shapely.STRtree
) -> Boxes:
    count = len(plots)
    aside = rng.uniform(-0.5, 0.5, count) * plots.half[:, 0]
    where = plots.at(aside, -street_side * rng.uniform(0.45, 0.65, count) * plots.half[:, 1])
    pools = boxes(where, plots.axis, rng.uniform(2.5, 5.5, count), rng.uniform(1.7, 2.8, count))
    return pools[clear_of(blocked, pools) & clear_of(shapely.STRtree(house.polygons(1.5)), pools)]


def _roof_clutter(rng: np.random.Generator, roofs: Boxes) -> tuple[npt.NDArray[np.int64], Boxes]:
    """Return the roof numbers and boxes of small structures on flat roofs."""
    each = rng.poisson(np.clip(roofs.half.prod(axis=1) / 60.0, 1.5, 8.0))
    on = np.repeat(np.arange(len(roofs)), each)
    roof = roofs[on]
    along_m = rng.uniform(-0.75, 0.75, len(on)) * roof.half[:, 0]
    across_m = rng.uniform(-0.75, 0.75, len(on)) * roof.half[:, 1]
    return on, boxes(
        roof.at(along_m, across_m), roof.axis, rng.uniform(0.6, 2.2, len(on)), rng.uniform(0.5, 1.6, len(on))
    )
