"""What a traced road is, and the lengths that decide what is traced."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True, eq=False)
class Road:
    """One edge of the road network, from node to node; a closed ring ends where it starts."""

    line: npt.NDArray[np.float64]
    """Centreline `(points, 2)`: x and y in the grid's CRS. Edges that meet at a node end in bit-identical points."""

    length_m: float
    """Geodesic length of `line` on the CRS's ellipsoid, metres."""

    width_m: float
    """Mean width of the mask along the centreline, metres; saturates where the road is wider than the strip's halo."""


@dataclass(frozen=True, kw_only=True)
class RoadSettings:
    """Lengths on the ground, in metres, except where the error they treat is one of the pixel lattice."""

    min_speck_m2: float = 40.0
    """Connected road pixels that cover less are taken for noise."""

    min_hole_m2: float = 40.0
    """Gaps inside a road that cover less are filled. A loop around a hole of 40 m² is at least √(4π·40) = 22 m long:
    keep `min_road_m` below that, so that no loop is short enough to be taken for an artefact."""

    min_spur_m: float = 10.0
    """Dead ends shorter than this, or than the width of the road they leave, are dropped."""

    min_road_m: float = 20.0
    """Roads that touch no other road are dropped when shorter than this."""

    merge_half_widths: float = 2.5
    """Junctions closer than this many half-widths (and 2 pixels) are one: a skeleton splits a crossing in two."""

    smooth_px: float = 5.0
    """Standard deviation of the Gaussian along the centreline, pixels: longer than a stair-step of the skeleton."""

    simplify_px: float = 0.5
    """Tolerance of the final simplification, pixels."""
