"""Settings of the road tracer: options of a run, and the constants of each step.

Compiled code takes them as arguments, since numba's cache does not notice changed constants of other modules.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RoadSettings:
    """Options of the tracer, in units on the ground."""

    threshold: float = 0.3
    """Lowest smoothed probability of a road pixel; below 0.5, so that a ragged edge does not break a road."""
    certain: bool = False
    """Probabilities are 0 or 1, as in a mask: no road is dropped for low probability, however thin."""
    blur_m: float = 0.5
    """Standard deviation of the Gaussian that smooths the probabilities."""
    max_hole_m2: float = 16.0
    """Largest hole in a road that is filled."""
    max_half_width_m: float = 19.0
    """Pixels further than this from the edge of the mask are carved out as a plaza, which roads lead around."""
    min_spur_m: float = 7.0
    """Dead ends that reach less than this beyond the edge of their road are dropped."""
    merge_half_widths: float = 2.5
    """Junctions closer than this many half-widths plus 2 pixels are merged: a skeleton splits a crossing in two."""
    min_loop_m: float = 20.0
    """Shorter loops and rings are dropped."""
    max_gap_m: float = 120.0
    """Longest gap to close, as of a road under trees."""
    min_gap_probability: float = 0.1
    """Lowest mean probability along a gap to close."""
    min_component_m: float = 25.0
    """Networks with a smaller total length are dropped."""
    smooth_m: float = 2.5
    """Standard deviation of the Gaussian that smooths centrelines, longer than a stair-step of the skeleton."""
    simplify_m: float = 0.25
    """Tolerance of the final simplification."""


BLOCK = 2048
"""Side of a block in pixels: larger ones would need more memory, smaller ones trace more halo."""

# Mask and skeleton

FINEST_M = 0.3
"""Finer pixels are averaged: they take longer and show no more of a road."""
COARSEST_M = 10.0
"""Coarsest pixels that are traced: in larger ones, roads and plazas are indistinguishable."""
HOLE_ELONGATION = 4.0
"""Most rows or columns of a filled hole, in sides of the largest square one; limits the halo of a block."""
PLAZA_RIM = 0.75
"""Share of `max_half_width_m` from a plaza within which a road leads around it; the middle of the rim is at 0.5."""
PROFILE_AHEAD_PX = 5
"""Pixels ahead and behind that determine the direction of a road; a single step has only eight directions."""
PROFILE_FLOOR, PROFILE_RISE = 20, 12
"""Levels. A profile across a road ends below the floor, or at another road, where it rises this much from below the
threshold."""

# Junctions

DIRECTION_HALF_WIDTHS, DIRECTION_PX = 3.0, 4.0
"""Distance from a junction at which the direction of its roads is measured."""
NOTCH_HALF_WIDTHS = 0.8
"""Distance of the notch between two roads, times the sine of half their angle; less than 1, since at the node of an
acute junction the area is wider than its roads."""
BENT_HALF_WIDTHS = 1.5, 3.5
"""Least and greatest length of bent skeleton at a junction."""
CROSS_LINK_DEG = 45.0, 135.0
"""Least and greatest angle between a cross link and the parallel roads, such as carriageways, that it joins."""
CROSS_LINK_HALF_WIDTHS = 1.25
"""Least length of a cross link, minus a pixel; more than 1, since junctions are wider than their roads."""
AXIS_FIT_M = 12.0
"""Length beyond the bent skeleton to which a road's axis is fitted; roads this long are straight or simple curves."""
CURVE_PX = 2.0
"""Least distance between line and parabola, at the end nearest the junction, of a curved road."""
OLD_PLACE_WEIGHT = 0.05
"""Weight of a junction's old position against the axes of its roads; decisive if all roads are parallel."""
MAX_SHIFT_HALF_WIDTHS, MAX_SHIFT_PX = 1.5, 2.0
"""Greatest distance to move a junction."""
ISLAND_M = 60.0
"""Edges between the same junctions may be the two sides of a hole in one road if they are shorter than this."""
ISLAND_HALF_WIDTHS = 1.5
"""Greatest mean distance between them, in half-widths at the junctions."""

# Weak edges and networks

FAINT_EDGE = 3 / 14
"""Least mean probability of an edge, as a share of the way from the threshold to 1: 0.45 for 0.3."""
FAINT_DEAD_END, FAINT_DEAD_END_M = 0.55, 100.0
"""The same for dead ends shorter than this, which are more often wrong: 0.685 for 0.3."""
FAINT_NETWORK, FAINT_NETWORK_FACTOR = 0.5, 2.5
"""Below this mean probability a network must be this many times as long as `min_component_m`."""

# Gaps

GAP_CANDIDATES = 8
"""Number of nearest dead ends considered for each; more are noise."""
GAP_HEADING_M = 10.0
"""Length of road from which the direction of a dead end is measured."""
GAP_END_DEG = 40.0
"""Greatest angle between the direction of a dead end and that of another."""
GAP_ROAD_COSINE = 0.77
"""Least cosine of the angle between the direction of a dead end and that of a road ahead: 40°, rounded."""
GAP_BESIDE_M = 12.0
"""Distance to the left and right at which probability is compared, beyond the edges of most roads."""
GAP_CONTRAST = 1.5
"""Least ratio of the probability along a gap to that beside it, since haze is not evidence of a road."""

# Edge of the scene

LEAVING_HALF_WIDTHS = 1.5
"""Distance from the edge of the scene, plus a pixel, within which a dead end leaves the scene."""
LEAVING_OBLIQUE = 2.0
"""Greatest distance along the road, as a multiple of that, since roads may leave at an acute angle."""

# Lines and attributes

TIP_HALF_WIDTHS = 1.5
"""Length straightened at a dead end, where a skeleton leads to a corner of the road, √2 half-widths from its axis."""
TIP_HEADING_M, TIP_HEADING_PX = 8.0, 16.0
"""Length of line from which the direction of a dead end is measured, whichever is greater."""
SMOOTH_PX = 2.0
"""Least standard deviation of the Gaussian that smooths centrelines, for the stair-steps of coarse pixels."""
SIMPLIFY_PX = 0.25
"""Least tolerance of the final simplification."""
JUNCTION_WIDTHS = 0.75
"""Widths are not measured within this many mean widths of an edge from its nodes, nor within their half-widths, where a
skeleton leads into other roads or to a corner."""
PLAZA_SHARE = 0.5
"""Share of pixels around a plaza above which an edge is of the kind `plaza`."""
