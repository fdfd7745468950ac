"""Plant trees."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from .boxes import Floats
from .canvas import Canvas
from .land_use import Parcel
from .road import along, length, perpendicular
from .scene_styles import Style, draw
from .settlement import Settlement
from .street_network import RoadPlan
from .surfaces import SurfaceClass
from .texture import fractal_noise, plane_waves

_GRID_M = 5.0


@dataclass(frozen=True, kw_only=True)
class Trees:
    """Many trees."""

    place: Floats
    """(n, 2) x and y in metres."""
    radius_m: Floats
    """(n,) crown radius."""
    height_m: Floats
    """(n,)"""
    bare: npt.NDArray[np.bool_]
    """(n,) leafless."""


def plant(
    rng: np.random.Generator,
    canvas: Canvas,
    style: Style,
    *,
    plan: RoadPlan,
    parcels: list[Parcel],
    label: npt.NDArray[np.int32],
    settlement: Settlement,
) -> Trees:
    """Place trees everywhere but on roads, roofs and water; `label` is the parcel of each cell, from `paint_ground`."""
    mature = rng.uniform(0.75, 1.25)
    groups = [
        (_scattered(rng, canvas, parcels, label), 3.4),
        (_on_plots(rng, draw(rng, style.plot_trees), settlement), 2.8),
        (_along_streets(rng, draw(rng, style.street_trees), plan), 3.2),
        (_hedgerows(rng, style, parcels), 2.6),
        (_orchards(parcels), 2.1),
        (_on_plots(rng, rng.uniform(0.0, 5.0), settlement), 1.1),
        (_on_islands(rng, plan), 2.2),
    ]
    place = np.concatenate([points for points, _ in groups])
    typical = np.concatenate([np.full(len(points), size) for points, size in groups])
    standing = canvas.classes.ravel()[canvas.cells_at(place)]
    grows = (standing == SurfaceClass.VEGETATION) | (standing == SurfaceClass.LAND)
    place, typical = place[grows], typical[grows]
    count = len(place)
    radius = np.clip(typical * mature * rng.lognormal(0.0, 0.25, count), 0.6, 7.0)
    if style.climate == "arid":
        radius *= 0.7
    return Trees(
        place=place,
        radius_m=radius,
        height_m=radius * rng.uniform(1.6, 3.2, count) + 1.0,
        bare=rng.random(count) < _bare_probability(rng, style, place),
    )


def _bare_probability(rng: np.random.Generator, style: Style, place: Floats) -> Floats:
    """Return each tree's probability of being bare, high in groups of deciduous trees."""
    share = draw(rng, style.leaf_off)
    heading, wavelength = rng.uniform(0.0, 2.0 * np.pi, 4), rng.uniform(60.0, 300.0, 4)
    groups = plane_waves(place, heading, wavelength, rng.uniform(0.0, 6.0, 4)).mean(axis=1)
    return np.asarray(np.clip(share + 2.6 * groups * min(share, 1.0 - share), 0.0, 1.0))


def _scattered(rng: np.random.Generator, canvas: Canvas, parcels: list[Parcel], label: npt.NDArray[np.int32]) -> Floats:
    left, top, right, bottom = canvas.bounds
    columns, rows = np.arange(left, right, _GRID_M), np.arange(top, bottom, _GRID_M)
    place = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    place = place + rng.uniform(0.0, _GRID_M, place.shape)
    cover = np.array([0.0, *(parcel.tree_cover for parcel in parcels)])[label.ravel()[canvas.cells_at(place)]]
    clumps = fractal_noise(rng, (len(rows), len(columns)), coarsest=24.0, roughness=0.6).ravel()
    chance = np.clip(cover * (1.0 + 1.1 * clumps), 0.0, 1.0)
    # dense woods have only small clearings
    chance = np.where(cover > 0.5, np.clip(cover + 0.25 * clumps, 0.0, 1.0), chance)
    return np.asarray(place[rng.random(len(place)) < chance])


def _on_plots(rng: np.random.Generator, mean: float, settlement: Settlement) -> Floats:
    plots = settlement.plots
    on = np.repeat(np.arange(len(plots)), rng.poisson(mean, len(plots)))
    plot = plots[on]
    # mostly near the boundary, as in gardens
    spread = np.sign(rng.uniform(-1.0, 1.0, (len(on), 2))) * rng.uniform(0.0, 1.0, (len(on), 2)) ** 0.6
    return plot.at(spread[:, 0] * plot.half[:, 0], spread[:, 1] * plot.half[:, 1])


def _along_streets(rng: np.random.Generator, share: float, plan: RoadPlan) -> Floats:
    groups = [np.empty((0, 2))]
    for road in plan.local:
        if road.bridge or rng.random() >= share:
            continue
        where = np.arange(4.0, length(road.line) - 4.0, rng.uniform(7.0, 14.0))
        points, tangents = along(road.line, where)
        normals = perpendicular(tangents)
        for side in (-1.0, 1.0):
            lined = rng.random(len(where)) < 0.85
            groups.append((points + side * (road.width_m / 2 + 1.2) * normals)[lined])
    return np.concatenate(groups)


def _on_islands(rng: np.random.Generator, plan: RoadPlan) -> Floats:
    count = rng.integers(0, 6, len(plan.islands))
    centre = np.repeat(plan.islands, count, axis=0)
    return np.asarray(centre + rng.normal(0.0, 2.5, centre.shape))


def _hedgerows(rng: np.random.Generator, style: Style, parcels: list[Parcel]) -> Floats:
    groups = [np.empty((0, 2))]
    for parcel in parcels:
        if parcel.use != "field" or style.climate == "arid" or rng.random() < 0.6:
            continue
        edge = shapely.get_coordinates(shapely.get_exterior_ring(parcel.area))
        first, last = np.sort(rng.uniform(0.0, length(edge), 2))
        where = np.arange(first, last, rng.uniform(3.0, 6.0))
        points, _ = along(edge, where)
        groups.append(points + rng.normal(0.0, 0.7, points.shape))
    return np.concatenate(groups)


def _orchards(parcels: list[Parcel]) -> Floats:
    groups = [np.empty((0, 2))]
    for parcel in parcels:
        if parcel.use != "orchard":
            continue
        left, top, right, bottom = parcel.area.bounds
        reach = np.hypot(right - left, bottom - top) / 2
        steps = np.arange(-reach, reach, parcel.row_spacing_m)
        grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        cosine, sine = np.cos(parcel.row_heading), np.sin(parcel.row_heading)
        place = np.array([(left + right) / 2, (top + bottom) / 2]) + grid @ np.array([[cosine, sine], [-sine, cosine]])
        inner = parcel.area.buffer(-4.0)
        shapely.prepare(inner)
        groups.append(place[shapely.contains_xy(inner, *place.T)])
    return np.concatenate(groups)
