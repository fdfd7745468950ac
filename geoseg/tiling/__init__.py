"""Tile lattices, blending, resampling kernels and prefetching, without files or networks."""

from .background import Background, Stopped
from .blend import Carried, blend, sum_of_squares, tile_rows_of
from .kernels import lanczos_radius, lanczos_weights, nearest_exact, source_interval, targets_before
from .lattice import Axis, Lattice, Roi, Tile, reflect, roi_shape
from .prefetch import prefetch
from .repeated import any_true, concatenate, is_repeated
from .spans import clip, cut, within
from .window import FAMILIES, ramp, taper

__all__ = [
    "FAMILIES",
    "Axis",
    "Background",
    "Carried",
    "Lattice",
    "Roi",
    "Stopped",
    "Tile",
    "any_true",
    "blend",
    "clip",
    "concatenate",
    "cut",
    "is_repeated",
    "lanczos_radius",
    "lanczos_weights",
    "nearest_exact",
    "prefetch",
    "ramp",
    "reflect",
    "roi_shape",
    "source_interval",
    "sum_of_squares",
    "taper",
    "targets_before",
    "tile_rows_of",
    "within",
]
