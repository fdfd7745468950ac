"""Paint the crowns of trees."""

import numpy as np
import numpy.typing as npt

from .boxes import Floats
from .canvas import Canvas
from .lighting import Sun
from .scene_styles import Climate, Style
from .surfaces import Reflectance, SurfaceClass
from .vegetation import Trees

_BARE: Reflectance = (0.125, 0.100, 0.080, 0.20)
_CROWNS: dict[Climate, list[Reflectance]] = {
    "temperate": [
        (0.030, 0.055, 0.024, 0.38), (0.045, 0.075, 0.028, 0.45), (0.060, 0.085, 0.032, 0.46),
        (0.024, 0.042, 0.022, 0.30),
    ],
    "mediterranean": [(0.034, 0.052, 0.026, 0.32), (0.062, 0.074, 0.042, 0.34), (0.085, 0.095, 0.062, 0.34)],
    "arid": [(0.055, 0.075, 0.036, 0.36), (0.085, 0.095, 0.060, 0.32), (0.040, 0.060, 0.030, 0.34)],
}  # fmt: skip


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
