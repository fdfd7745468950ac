"""Render a scene: image, classes and road network from one seed."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import shapely

from .canvas import OVERSAMPLING, Canvas
from .land_use import plan_land
from .lighting import draw_sun, radiance, shade
from .paint_buildings import paint_buildings, paint_pools, paint_yards
from .paint_roads import paint_cars, paint_roads
from .paint_trees import paint_trees
from .road import Road
from .scene_styles import Style, draw_style
from .sensor import draw_sensor, expose, integrate
from .settlement import plan_settlement
from .street_network import plan_roads
from .surfaces import SurfaceClass
from .terrain import paint_ground
from .vegetation import plant
from .water import paint_water, plan_water

_STAGES = 12
_PRECEDENCE = (SurfaceClass.ROAD, SurfaceClass.BUILDING, SurfaceClass.WATER, SurfaceClass.VEGETATION, SurfaceClass.LAND)


@dataclass(frozen=True, kw_only=True)
class RenderedScene:
    """A rendered image with its ground truth."""

    image: npt.NDArray[np.uint8]
    """(height, width, 4) red, green, blue and near-infrared."""
    classes: npt.NDArray[np.uint8]
    """(height, width) `SurfaceClass`; a road under a tree is road."""
    roads: tuple[Road, ...]
    """Edges of the road network in pixels. They meet only at shared end points; bridges may cross other edges."""
    light: npt.NDArray[np.float32]
    """(height, width, 4) linear light before exposure, with noise: about 1 on level white ground in the sun."""


def render_scene(seed: int, shape: tuple[int, int], *, gsd: float = 1.0, style: Style | None = None) -> RenderedScene:
    """Render a scene of `shape` (height, width) pixels of `gsd` metres; equal arguments give equal bytes.

    Without a style, the seed (non-negative) chooses one.
    """
    # one random stream per stage, so that changing a stage does not affect the others
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(_STAGES)]
    style = draw_style(streams[0]) if style is None else style
    sun = draw_sun(streams[0], style)
    canvas = Canvas(streams[5], shape, gsd)

    water = plan_water(streams[1], style, canvas.bounds)
    plan = plan_roads(streams[2], style, canvas.bounds, water)
    parcels = plan_land(streams[3], style, plan.roads, canvas.bounds)
    settlement = plan_settlement(streams[4], style, plan, parcels, water)

    label = paint_ground(streams[5], canvas, style, parcels)
    paint_yards(streams[6], canvas, style, settlement)
    paint_water(streams[7], canvas, style, water)
    paint_roads(streams[8], canvas, style, plan)
    paint_pools(streams[9], canvas, settlement.pools)
    paint_cars(streams[9], canvas, settlement.parked)
    paint_buildings(streams[9], canvas, style, sun, settlement)
    trees = plant(streams[10], canvas, style, plan=plan, parcels=parcels, label=label, settlement=settlement)
    paint_trees(streams[10], canvas, style, sun, trees)

    sensor = draw_sensor(streams[11], style)
    light = radiance(canvas, shade(canvas, sun, darkness=0.92))
    pixels = integrate(streams[11], light, sensor)
    return RenderedScene(
        image=expose(pixels, sensor),
        classes=_majority(canvas.crop(canvas.classes)),
        roads=_in_pixels(plan.roads, shape, gsd),
        light=np.moveaxis(pixels, 0, -1),
    )


def _majority(classes: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Reduce cells to pixels by majority; ties go to the first class in `_PRECEDENCE`."""
    step = OVERSAMPLING
    best = np.zeros((classes.shape[0] // step, classes.shape[1] // step), np.uint8)
    out = np.zeros_like(best)
    for value in _PRECEDENCE:
        hit = (classes == value).view(np.uint8)
        votes = sum(hit[i::step, j::step] for i in range(step) for j in range(step))
        more = votes > best
        out[more] = value
        np.maximum(best, votes, out=best)
    return out


def _in_pixels(roads: list[Road], shape: tuple[int, int], gsd: float) -> tuple[Road, ...]:
    """Clip roads to the image, in its pixels."""
    frame = shapely.box(0.0, 0.0, shape[1], shape[0])
    clipped = []
    for road in roads:
        visible = shapely.LineString(road.line / gsd).intersection(frame)
        clipped += [
            replace(road, line=np.array(part.coords))
            for part in shapely.get_parts(visible)
            if part.geom_type == "LineString" and part.length > 1e-6
        ]
    return tuple(clipped)
