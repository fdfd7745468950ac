"""Plan and paint water bodies and their shores."""

import numpy as np
import numpy.typing as npt
import shapely
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from .canvas import Canvas
from .road import Line, offset
from .scene_styles import Style
from .street_lattice import Bounds
from .surfaces import GROUND, SurfaceClass

_WATER_COLOURS = np.array(
    [
        (0.012, 0.022, 0.012, 0.010),  # dark pond
        (0.030, 0.052, 0.030, 0.020),  # green river
        (0.060, 0.065, 0.042, 0.040),  # silty river
        (0.010, 0.030, 0.045, 0.008),  # clear sea
        (0.016, 0.018, 0.020, 0.010),  # black water
        (0.012, 0.040, 0.016, 0.015),  # algae
    ],
    np.float32,
)


def plan_water(rng: np.random.Generator, style: Style, bounds: Bounds) -> BaseGeometry:
    """Return the area of water in metres, or an empty polygon."""
    body = style.water[int(rng.integers(len(style.water)))]
    left, top, right, bottom = bounds
    window = shapely.box(*bounds)
    place = np.array([rng.uniform(left, right), rng.uniform(top, bottom)])
    if body == "river":
        return _river(rng, place, np.hypot(right - left, bottom - top)).intersection(window)
    if body == "lake":
        ponds = [
            _lake(rng, np.array([rng.uniform(left, right), rng.uniform(top, bottom)]), rng.uniform(20.0, 130.0))
            for _ in range(int(rng.integers(1, 4)))
        ]
        return shapely.union_all(ponds).intersection(window)
    if body == "sea":
        return _sea(rng, bounds).intersection(window)
    return shapely.Polygon()


def _roughness(rng: np.random.Generator, count: int, coarsest: int) -> Line:
    """Return fractal noise (count,) along a line, of about unit variance."""
    total = np.zeros(count)
    where = np.arange(count)
    step, amplitude = float(coarsest), 1.0
    while step >= 2.0:
        knots = rng.standard_normal(int(count / step) + 3)
        total += amplitude * np.interp(where / step, np.arange(len(knots)), knots)
        step, amplitude = step / 2.0, amplitude * 0.55
    smooth: Line = ndimage.gaussian_filter1d(total, 1.5)
    return smooth


def _river(rng: np.random.Generator, place: Line, reach: float) -> BaseGeometry:
    angle = rng.uniform(0.0, np.pi)
    step = 8.0
    run = np.arange(-reach, reach, step)
    bend = rng.uniform(15.0, 60.0) * _roughness(rng, len(run), int(rng.uniform(180.0, 420.0) / step))
    bend = ndimage.gaussian_filter1d(bend, 5.0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = place + np.stack([run, bend], axis=1) @ turn
    half = rng.choice([4.0, 9.0, 18.0, 35.0]) * rng.uniform(0.7, 1.3)
    banks = [
        offset(middle, side)
        + (offset(middle, side / half) - middle) * (0.12 * half * _roughness(rng, len(run), 12))[:, None]
        for side in (-half, half)
    ]
    return shapely.make_valid(shapely.Polygon(np.concatenate([banks[0], banks[1][::-1]]))).buffer(1.0)


def _lake(rng: np.random.Generator, place: Line, radius: float) -> BaseGeometry:
    count = 96
    turn = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    edge = np.ones(count)
    for order in range(2, 9):
        edge += rng.normal(0.0, 0.35 / order) * np.cos(order * turn + rng.uniform(0.0, 2.0 * np.pi))
    edge = radius * np.maximum(edge, 0.25)
    stretch = np.array([1.0, rng.uniform(0.5, 1.0)])
    return shapely.make_valid(
        shapely.Polygon(place + edge[:, None] * stretch * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    )


def _sea(rng: np.random.Generator, bounds: Bounds) -> BaseGeometry:
    left, top, right, bottom = bounds
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    reach = np.hypot(right - left, bottom - top)
    step = 6.0
    run = np.arange(-reach, reach, step)
    shift = rng.uniform(-0.1, 0.3) * min(right - left, bottom - top)
    edge = shift + rng.uniform(12.0, 45.0) * _roughness(rng, len(run), int(rng.uniform(150.0, 400.0) / step))
    angle = rng.uniform(0.0, 2.0 * np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    shore = np.stack([run, edge], axis=1)
    far = np.array([[reach, 3.0 * reach], [-reach, 3.0 * reach]])
    return shapely.make_valid(shapely.Polygon(centre + np.concatenate([shore, far]) @ turn))


def paint_water(rng: np.random.Generator, canvas: Canvas, style: Style, water: BaseGeometry) -> None:
    """Paint water and its shore: sand or mud, shallows, ripples, glint and foam."""
    if water.is_empty:
        return
    wet = canvas.burn([water]) > 0
    # a grid of about 1.5 m is fine enough for distances
    coarse = max(1, round(1.5 / canvas.cell_m))
    small = wet[::coarse, ::coarse]
    grid = coarse * canvas.cell_m
    depth = ndimage.distance_transform_edt(small).astype(np.float32) * np.float32(grid)
    beach = ndimage.distance_transform_edt(~small).astype(np.float32) * np.float32(grid)
    enlarge = [np.minimum(np.arange(n) // coarse, m - 1) for n, m in zip(canvas.shape, small.shape, strict=True)]
    at = np.ix_(*enlarge)
    _paint_shore(rng, canvas, style, ~wet, beach[at])
    _paint_surface(rng, canvas, style, wet, depth[at])


def _paint_shore(
    rng: np.random.Generator, canvas: Canvas, style: Style, dry: npt.NDArray[np.bool_], beach: npt.NDArray[np.float32]
) -> None:
    """Paint sand or mud along the shore; `beach` are metres from the water."""
    width = np.float32(rng.choice([3.0, 6.0, 22.0] if style.water == ("sea",) else [2.0, 4.0, 8.0]))
    shore = dry & (beach < width * (np.float32(0.8) + np.float32(0.5) * canvas.drift))
    sand = "soil" if style.climate == "temperate" and rng.random() < 0.6 else "sand"
    cells = np.flatnonzero(shore)
    tone = np.float32(1.0) + np.float32(0.1) * canvas.drift.ravel()[cells]
    canvas.paint(cells, np.array(GROUND[sand], np.float32)[:, None] * tone)
    canvas.classes.ravel()[cells] = SurfaceClass.LAND


def _paint_surface(
    rng: np.random.Generator, canvas: Canvas, style: Style, wet: npt.NDArray[np.bool_], depth: npt.NDArray[np.float32]
) -> None:
    """Paint shallows, ripples, glint and foam; `depth` are metres from the shore."""
    cells = np.flatnonzero(wet)
    deep = _WATER_COLOURS[int(rng.integers(len(_WATER_COLOURS)))][:, None] * np.float32(rng.uniform(0.6, 1.4))
    shallow = np.array([[0.10], [0.13], [0.09], [0.06]], np.float32) * np.float32(rng.uniform(0.4, 1.3))
    ripples, ragged = canvas.grain.ravel()[cells], canvas.drift.ravel()[cells]
    from_shore = depth.ravel()[cells]
    fade = np.float32(rng.uniform(2.0, 25.0))
    near = np.clip(np.float32(1.0) - from_shore / fade, 0.0, 1.0)
    near = near * near * np.clip(np.float32(0.8) + np.float32(0.3) * ragged, 0.0, 1.0)
    glint = np.float32(rng.uniform(0.0, 0.006)) * np.maximum(ripples - np.float32(0.5), 0.0)
    patches = np.float32(1.0) + np.float32(rng.uniform(0.02, 0.15)) * ragged
    swell = np.float32(1.0) + np.float32(rng.uniform(0.02, 0.08)) * ripples
    colour = (deep + (shallow - deep) * near) * patches * swell + glint
    canvas.paint(cells, np.maximum(colour, np.float32(0.002)))
    if "sea" in style.water and rng.random() < 0.6:
        foam = np.clip(np.float32(1.0) - np.abs(from_shore - np.float32(4.0)) / 4, 0.0, 1.0)
        foam *= np.clip(ragged - np.float32(0.3), 0.0, 1.0)
        canvas.paint(cells, np.full((4, 1), 0.55, np.float32), opacity=foam.astype(np.float32))
    canvas.classes.ravel()[cells] = SurfaceClass.WATER
    canvas.lighting.ravel()[cells] = 1.0
