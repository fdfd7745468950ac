"""Sunlight: direction, cast shadows, and light at the sensor."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .canvas import Canvas
from .scene_styles import Style, draw

_TALLEST_M = 45.0
_SKYLIGHT = np.array([0.20, 0.235, 0.29, 0.13], np.float32)  # share of total light on level ground, bluish
_PENUMBRA_M = 0.8


@dataclass(frozen=True, kw_only=True)
class Sun:
    """Position of the sun."""

    towards: tuple[float, float]
    """Horizontal unit vector towards the sun, x to the right and y downwards."""
    elevation: float
    """Radians above the horizon."""

    def facing(self, slope_x: npt.NDArray[np.float32], slope_y: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return direct light on a surface with these slopes along x and y, relative to level ground."""
        tangent = np.float32(1.0 / np.tan(self.elevation))
        across = slope_x * np.float32(self.towards[0]) + slope_y * np.float32(self.towards[1])
        steepness = np.sqrt(np.float32(1.0) + slope_x * slope_x + slope_y * slope_y)
        return np.maximum((np.float32(1.0) - across * tangent) / steepness, np.float32(0.0))


def draw_sun(rng: np.random.Generator, style: Style) -> Sun:
    """Draw the sun's position."""
    azimuth = np.deg2rad(draw(rng, style.sun_azimuth_deg))
    return Sun(
        towards=(float(np.sin(azimuth)), float(-np.cos(azimuth))),
        elevation=float(np.deg2rad(draw(rng, style.sun_elevation_deg))),
    )


def shade(canvas: Canvas, sun: Sun, darkness: float) -> npt.NDArray[np.float32]:
    """Return direct light (height, width) on the canvas, relative to level ground in the sun.

    A shadow removes the share `darkness` of direct light. Its height over a cell is the maximum of all heights towards
    the sun, each less the drop of a ray over the distance. Doubling the distance in each step needs few steps.
    """
    drop_per_m = np.tan(sun.elevation)
    plane = canvas.heights.copy()
    reach = max(canvas.cell_m, _TALLEST_M / drop_per_m)
    distance = canvas.cell_m
    while distance < reach:
        steps = distance / canvas.cell_m
        shift = (round(sun.towards[1] * steps), round(sun.towards[0] * steps))
        covered = math.hypot(*shift) * canvas.cell_m
        _raise_to(plane, shift, np.float32(covered * drop_per_m))
        distance *= 2.0
    shadow = np.clip((plane - canvas.heights) / np.float32(_PENUMBRA_M), 0.0, 1.0)
    return np.asarray(canvas.lighting * (np.float32(1.0) - np.float32(darkness) * shadow), np.float32)


def _raise_to(plane: npt.NDArray[np.float32], shift: tuple[int, int], drop: np.float32) -> None:
    """Raise each cell to the plane's height `shift` cells away less `drop`, if that is higher."""
    here, there = [], []
    for step, size in zip(shift, plane.shape, strict=True):
        bounded = int(np.clip(step, -size, size))
        here.append(slice(max(0, -bounded), size - max(0, bounded)))
        there.append(slice(max(0, bounded), size - max(0, -bounded)))
    source = plane[tuple(there)] - drop
    target = plane[tuple(here)]
    np.maximum(target, source, out=target)


def radiance(canvas: Canvas, direct: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return reflected light (4, height, width) without the margin; level white ground in the sun gives 1."""
    light = canvas.crop(direct)
    out = np.empty((4, *light.shape), np.float32)
    for band, albedo in enumerate(canvas.crop(canvas.albedo)):
        out[band] = albedo * (_SKYLIGHT[band] + (np.float32(1.0) - _SKYLIGHT[band]) * light)
    return out
