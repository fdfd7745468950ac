"""Plant trees and paint their crowns."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from .boxes import Floats
from .canvas import Canvas
from .land_use import Parcel
from .lighting import Sun
from .road import along, length, perpendicular
from .scene_styles import Climate, Style, draw
from .settlement import Settlement
from .street_network import RoadPlan
from .surfaces import Reflectance, SurfaceClass
from .texture import fractal_noise, plane_waves

_GRID_M = 5.0
_BARE: Reflectance = (0.125, 0.100, 0.080, 0.20)
_CROWNS: dict[Climate, list[Reflectance]] = {
    "temperate": [
        (0.030, 0.055, 0.024, 0.38), (0.045, 0.075, 0.028, 0.45), (0.060, 0.085, 0.032, 0.46),
        (0.024, 0.042, 0.022, 0.30),
    ],
    "mediterranean": [(0.034, 0.052, 0.026, 0.32), (0.062, 0.074, 0.042, 0.34), (0.085, 0.095, 0.062, 0.34)],
    "arid": [(0.055, 0.075, 0.036, 0.36), (0.085, 0.095, 0.060, 0.32), (0.040, 0.060, 0.030, 0.34)],
}  # fmt: skip


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


def paint_trees(rng: np.random.Generator, canvas: Canvas, style: Style, sun: Sun, trees: Trees) -> None:
    """Paint crowns with lit slopes, taller ones on top, and raise the canvas to their heights.

    Land under a crown becomes vegetation; roads, buildings and water keep their class.
    """
    crown_height, owner = _stamp_crowns(rng, canvas, trees)
    cells = np.flatnonzero(owner)
    if not cells.size:
        return
    of = owner[cells] - 1
    crown = crown_height.reshape(canvas.shape)
    bumpy = crown + np.float32(0.35) * canvas.grain * (crown > 0)
    scale = np.float32(0.55 / (2.0 * canvas.cell_m))
    slope_x, slope_y = np.zeros_like(crown), np.zeros_like(crown)
    slope_x[:, 1:-1] = (bumpy[:, 2:] - bumpy[:, :-2]) * scale
    slope_y[1:-1] = (bumpy[2:] - bumpy[:-2]) * scale
    flat_light = sun.facing(np.clip(slope_x.ravel()[cells], -1.6, 1.6), np.clip(slope_y.ravel()[cells], -1.6, 1.6))
    colours = _crown_colours(rng, style.climate, trees)
    tone = np.clip(np.float32(1.0) + np.float32(0.18) * canvas.grain.ravel()[cells], 0.4, 1.8)
    bare = trees.bare[of]
    canvas.paint(cells, colours[of].T * tone, opacity=np.where(bare, np.float32(0.6), np.float32(1.0)))
    canvas.lighting.ravel()[cells] = np.where(bare, canvas.lighting.ravel()[cells], np.minimum(flat_light, 1.3))
    flat_heights = canvas.heights.ravel()
    flat_heights[cells] = np.maximum(flat_heights[cells], crown_height[cells])
    classes = canvas.classes.ravel()
    classes[cells[(classes[cells] == SurfaceClass.LAND) & ~bare]] = SurfaceClass.VEGETATION


def _stamp_crowns(
    rng: np.random.Generator, canvas: Canvas, trees: Trees
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Return the heights of crowns, 0 where there is none, and the numbers of their trees from 1, both `(cells,)`."""
    crown_height = np.zeros(canvas.shape[0] * canvas.shape[1], np.float32)
    owner = np.zeros(crown_height.shape, np.int32)
    # a bare tree is narrow: it casts a thin shadow and hides little
    radius = np.where(trees.bare, np.minimum(0.35 * trees.radius_m, 1.0), trees.radius_m) / canvas.cell_m
    row_col = np.floor((trees.place - canvas.origin_m) / canvas.cell_m).astype(np.int64)[:, ::-1]
    size = np.clip(np.round(radius), 1, 40).astype(np.int64)
    fits = np.all((row_col >= size[:, None]) & (row_col < np.array(canvas.shape) - size[:, None]), axis=1)
    for cells in np.unique(size[fits]):
        chosen = np.flatnonzero(fits & (size == cells))
        chosen = chosen[np.argsort(trees.height_m[chosen], kind="stable")]
        _stamp(
            rng,
            canvas.shape[1],
            trees.height_m[chosen],
            row_col[chosen],
            radius=int(cells),
            layers=(crown_height, owner),
            numbers=chosen + 1,
        )
    return crown_height, owner


def _stamp(
    rng: np.random.Generator,
    row_length: int,
    heights_m: Floats,
    row_col: npt.NDArray[np.int64],
    *,
    radius: int,
    layers: tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]],
    numbers: npt.NDArray[np.int64],
) -> None:
    """Stamp crowns of one radius (in cells) on flat layers of height and tree number, keeping the highest."""
    steps = np.arange(-radius, radius + 1)
    rows, columns = np.meshgrid(steps, steps, indexing="ij")
    ratio = (rows**2 + columns**2) / (radius + 0.3) ** 2 + rng.normal(0.0, 0.07, rows.shape)
    inside = ratio < 1.0
    offsets = rows[inside] * row_length + columns[inside]
    dome = (0.45 + 0.55 * np.sqrt(1.0 - np.clip(ratio[inside], 0.0, 1.0))).astype(np.float32)
    where = ((row_col[:, 0] * row_length + row_col[:, 1])[:, None] + offsets).ravel()
    height = (heights_m.astype(np.float32)[:, None] * dome).ravel()
    number = np.repeat(numbers, len(offsets)).astype(np.int32)
    crown_height, owner = layers
    higher = height > crown_height[where]
    where, height, number = where[higher], height[higher], number[higher]
    # later entries are taller and overwrite earlier ones
    crown_height[where] = height
    owner[where] = number


def _crown_colours(rng: np.random.Generator, climate: Climate, trees: Trees) -> npt.NDArray[np.float32]:
    count = len(trees.place)
    palette = np.array(_CROWNS[climate], np.float32)
    favourites = rng.dirichlet(np.full(len(palette), 1.2))
    colours = palette[rng.choice(len(palette), count, p=favourites)]
    colours = np.where(trees.bare[:, None], np.array(_BARE, np.float32), colours)
    tone = rng.uniform(0.75, 1.3, (count, 1)) * rng.uniform(0.8, 1.3)
    return np.asarray(colours * tone * (1.0 + rng.normal(0.0, 0.05, (count, 4))), np.float32)
