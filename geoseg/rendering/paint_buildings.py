"""Paint yards and buildings."""

import numpy as np
import numpy.typing as npt

from .boxes import Boxes, boxes
from .canvas import Canvas
from .lighting import Sun
from .scene_styles import Climate, Style
from .settlement import FLAT, GABLE, Settlement
from .surfaces import VEGETATED, Reflectance, SurfaceClass, reflectances

_PITCHED: dict[Climate, list[Reflectance]] = {
    "temperate": [
        (0.17, 0.165, 0.16, 0.18), (0.09, 0.09, 0.095, 0.11), (0.25, 0.24, 0.23, 0.27), (0.16, 0.115, 0.085, 0.2),
        (0.26, 0.11, 0.075, 0.33), (0.36, 0.345, 0.33, 0.38), (0.30, 0.27, 0.22, 0.33),
    ],
    "mediterranean": [
        (0.33, 0.16, 0.095, 0.40), (0.40, 0.21, 0.13, 0.46), (0.27, 0.13, 0.09, 0.35), (0.36, 0.27, 0.20, 0.42),
    ],
    "arid": [(0.36, 0.19, 0.12, 0.42), (0.55, 0.50, 0.43, 0.6), (0.42, 0.36, 0.29, 0.5)],
}  # fmt: skip
_FLAT: dict[Climate, list[Reflectance]] = {
    "temperate": [(0.55, 0.55, 0.54, 0.55), (0.30, 0.30, 0.29, 0.3), (0.12, 0.12, 0.12, 0.13), (0.40, 0.39, 0.36, 0.4)],
    "mediterranean": [
        (0.50, 0.48, 0.44, 0.5), (0.33, 0.32, 0.30, 0.34), (0.62, 0.62, 0.60, 0.6), (0.36, 0.22, 0.16, 0.4),
    ],
    "arid": [
        (0.72, 0.70, 0.66, 0.7), (0.55, 0.52, 0.47, 0.56), (0.42, 0.42, 0.50, 0.45), (0.66, 0.61, 0.52, 0.66),
        (0.36, 0.34, 0.31, 0.37),
    ],
}  # fmt: skip
_YARD_PATCHES: dict[Climate, list[str]] = {
    "temperate": ["lawn", "grass", "dry_grass", "lawn", "soil"],
    "mediterranean": ["dry_grass", "lawn", "pale_soil", "paving", "gravel"],
    "arid": ["paving", "sand", "lawn", "concrete", "white_sand", "grey_sand"],
}
_DRIVES = ["yard_asphalt", "concrete", "paving", "gravel", "pale_soil"]


def _fill(
    canvas: Canvas, areas: Boxes, colours: npt.NDArray[np.float32], roughness: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Paint rectangles in colours (n, 4); return their cells and the rectangle of each."""
    cells, of = canvas.cells_in(areas.polygons())
    canvas.paint(cells, colours[of].T * (np.float32(1.0) + np.float32(roughness) * canvas.grain.ravel()[cells]))
    return cells, of


def paint_yards(rng: np.random.Generator, canvas: Canvas, style: Style, settlement: Settlement) -> None:
    """Paint plots, drives and patios, before roads and buildings."""
    names = [str(name) for name in rng.choice(_YARD_PATCHES[style.climate], len(settlement.plots))]
    tones = rng.uniform(0.75, 1.25, (len(names), 1)).astype(np.float32)
    shown = rng.random(len(names)) < rng.uniform(0.3, 0.9)
    plots = settlement.plots[shown]
    chosen = [name for name, show in zip(names, shown, strict=True) if show]
    cells, of = _fill(canvas, plots, reflectances(chosen) * tones[shown], 0.15)
    grown = np.array([name in VEGETATED for name in chosen], bool)
    canvas.classes.ravel()[cells] = np.where(grown[of], SurfaceClass.VEGETATION, SurfaceClass.LAND)

    paved = [str(name) for name in rng.choice(_DRIVES, len(settlement.drives))]
    cells, _ = _fill(canvas, settlement.drives, reflectances(paved), 0.06)
    canvas.classes.ravel()[cells] = SurfaceClass.LAND
    _paint_boundaries(rng, canvas, style, settlement.plots)
    _paint_belongings(rng, canvas, settlement.plots)


def _paint_boundaries(rng: np.random.Generator, canvas: Canvas, style: Style, plots: Boxes) -> None:
    """Paint hedges or walls along the sides and backs of plots; walls are too thin to change the class of a cell."""
    fenced = plots[rng.random(len(plots)) < rng.uniform(0.0, 0.9)]
    half = fenced.half
    corners = [fenced.at(i * half[:, 0], j * half[:, 1]) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    starts = np.concatenate([corners[1], corners[3], corners[2], corners[0]])
    ends = np.concatenate([corners[2], corners[0], corners[3], corners[1]])
    cells = canvas.cells_along(starts, ends)
    if style.climate == "temperate" and rng.random() < 0.6:
        canvas.paint(cells, np.array([[0.04], [0.06], [0.03], [0.35]], np.float32))
        canvas.classes.ravel()[cells] = SurfaceClass.VEGETATION
        canvas.heights.ravel()[cells] = 1.5
        return
    wall = np.float32(rng.uniform(0.1, 0.55))
    canvas.paint(cells, np.full((4, 1), wall, np.float32), opacity=float(min(1.0, 0.35 / canvas.cell_m)))
    canvas.heights.ravel()[cells] = 1.2


def _paint_belongings(rng: np.random.Generator, canvas: Canvas, plots: Boxes) -> None:
    """Scatter small objects on plots; they do not change the class of the ground."""
    on = plots[np.repeat(np.arange(len(plots)), rng.poisson(rng.uniform(0.0, 4.0), len(plots)))]
    count = len(on)
    centre = on.at(*(rng.uniform(-0.95, 0.95, (2, count)) * on.half.T))
    things = boxes(centre, on.axis, rng.uniform(0.3, 1.5, count), rng.uniform(0.3, 1.1, count))
    cells, of, _ = canvas.cells_within(things)
    grey = (rng.uniform(0.03, 0.75, (count, 1)) ** 1.4 * (1.0 + rng.normal(0.0, 0.08, (count, 4)))).astype(np.float32)
    canvas.paint(cells, grey[of].T)


def paint_pools(rng: np.random.Generator, canvas: Canvas, pools: Boxes) -> None:
    """Paint swimming pools with a paved rim."""
    rim = Boxes(centre=pools.centre, axis=pools.axis, half=pools.half + 1.2)
    cells, _ = _fill(canvas, rim, reflectances(["concrete"] * len(pools)), 0.03)
    canvas.classes.ravel()[cells] = SurfaceClass.LAND
    blue = np.array([[0.10, 0.30, 0.36, 0.05]], np.float32) * rng.uniform(0.6, 1.2, (len(pools), 1)).astype(np.float32)
    cells, _ = _fill(canvas, pools, blue, 0.06)
    canvas.classes.ravel()[cells] = SurfaceClass.WATER


def paint_buildings(rng: np.random.Generator, canvas: Canvas, style: Style, sun: Sun, settlement: Settlement) -> None:
    """Paint roofs with lit slopes, parapets and stains, and raise the canvas to their heights."""
    buildings = settlement.buildings
    if not len(buildings.footprint):
        return
    box = buildings.footprint
    cells, of = canvas.cells_in(box.polygons())
    x, y = canvas.points_of(cells)
    axis, half = box.axis.astype(np.float32), box.half.astype(np.float32)
    dx, dy = x - box.centre[:, 0].astype(np.float32)[of], y - box.centre[:, 1].astype(np.float32)[of]
    along = dx * axis[of, 0] + dy * axis[of, 1]
    across = dy * axis[of, 0] - dx * axis[of, 1]
    to_end, to_side = half[of, 0] - np.abs(along), half[of, 1] - np.abs(across)

    roof = buildings.roof[of]
    # the ridge follows the longer side; a hip roof also slopes towards the shorter sides
    sidewise = half[of, 1] <= half[of, 0]
    hipped = np.where(roof == GABLE, sidewise, to_side < to_end)
    pitch = rng.uniform(0.35, 0.8, len(box)).astype(np.float32)[buildings.house][of]
    pitch = np.where(roof == FLAT, np.float32(0.0), pitch)
    inward = np.where(hipped, to_side, to_end)
    height = buildings.eaves_m.astype(np.float32)[of] + pitch * np.maximum(inward, 0.0)
    sign_along = np.where(hipped, np.float32(0.0), -np.sign(along)) * pitch
    sign_across = np.where(hipped, -np.sign(across), np.float32(0.0)) * pitch
    slope_x = sign_along * axis[of, 0] - sign_across * axis[of, 1]
    slope_y = sign_along * axis[of, 1] + sign_across * axis[of, 0]
    light = sun.facing(slope_x, slope_y)

    colours = _roof_colours(rng, style.climate, buildings.house, buildings.roof)
    tone = np.float32(1.0) + np.float32(0.08) * canvas.grain.ravel()[cells]
    parapet = (roof == FLAT) & (np.minimum(to_end, to_side) < np.float32(0.5))
    tone *= np.where(parapet, np.float32(rng.choice([0.7, 1.15, 1.3])), np.float32(1.0))
    canvas.paint(cells, np.minimum(colours[of].T * tone, np.float32(0.9)))
    canvas.classes.ravel()[cells] = SurfaceClass.BUILDING
    canvas.heights.ravel()[cells] = height
    canvas.lighting.ravel()[cells] = light


def _roof_colours(
    rng: np.random.Generator, climate: Climate, house: npt.NDArray[np.int64], roof: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Return roof colours (n, 4), one for each house; a scene has few."""
    pitched, flat = np.array(_PITCHED[climate], np.float32), np.array(_FLAT[climate], np.float32)
    favourites = rng.dirichlet(np.full(len(pitched), 0.8)), rng.dirichlet(np.full(len(flat), 0.8))
    count = int(house.max()) + 1
    tone = rng.uniform(0.75, 1.25, (count, 1)).astype(np.float32)
    tint = (1.0 + rng.normal(0.0, 0.04, (count, 4))).astype(np.float32)
    of_pitched = pitched[rng.choice(len(pitched), count, p=favourites[0])] * tone * tint
    of_flat = flat[rng.choice(len(flat), count, p=favourites[1])] * tone * tint
    return np.asarray(np.where((roof == FLAT)[:, None], of_flat[house], of_pitched[house]), np.float32)
