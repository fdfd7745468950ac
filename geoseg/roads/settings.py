"""Settings of the road tracer: the choices of a run, and below them the fixed measures of each step.

Compiled code takes them as arguments: numba's cache does not notice when a constant of another module changes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RoadSettings:
    """Choices of the tracer, on the ground."""

    threshold: float = 0.3
    """Smoothed probability from which a pixel is road. Below 0.5, so that a ragged edge does not break a road."""

    certain: bool = False
    """Probabilities are 0 or 1, as in a mask: no road is dropped for low probability, however thin."""

    blur_m: float = 0.5
    """Standard deviation of the Gaussian that smooths the probabilities."""

    max_hole_m2: float = 16.0
    """Largest hole in a road that is filled."""

    max_half_width_m: float = 19.0
    """Pixels further than this from the edge of the mask are carved out: roads lead around them, as around a plaza."""

    min_spur_m: float = 7.0
    """Dead ends that reach less far than this beyond the edge of the road they leave are dropped."""

    merge_half_widths: float = 2.5
    """Junctions closer than this many half-widths and 2 pixels are merged: a skeleton splits a crossing in two."""

    min_loop_m: float = 20.0
    """Shorter loops and rings are dropped."""

    max_gap_m: float = 40.0
    """Longest gap that is closed."""

    min_gap_probability: float = 0.1
    """Lowest mean probability along a gap that is closed."""

    min_component_m: float = 25.0
    """Networks with a smaller total length are dropped."""

    smooth_m: float = 2.5
    """Standard deviation of the Gaussian that smooths centrelines: longer than a stair-step of the skeleton."""

    simplify_m: float = 0.25
    """Tolerance of the final simplification."""


# Mask and skeleton

FINEST_M = 0.3
"""Finer pixels are averaged: they cost time and show no more of a road."""

HOLE_SIDES = 4.0
"""Rows and columns that a filled hole may span, in sides of the largest square one. Limits how far a block looks."""

PLAZA_RIM = 0.75
"""Share of `max_half_width_m` within which a road leads around a plaza; the middle of the rim is at 0.5."""

AHEAD_PX = 5
"""Pixels ahead and behind that give a road its direction: a skeleton's single steps only know eight."""

PROFILE_FLOOR, PROFILE_RISE = 20, 12
"""Levels. A profile across a road ends below the floor, or where it rises by this much from below the threshold: there
another road begins."""

# Junctions

MEASURE_HALF_WIDTHS, MEASURE_PX = 3.0, 4.0
"""Distance from a junction at which the direction of its roads is taken."""

NOTCH = 0.8
"""The notch between two roads begins at this many half-widths over the sine of half their angle: less than 1, as the
node of an acute junction is where the area is wider than its roads."""

BENT_HALF_WIDTHS = 1.5, 3.5
"""Least and greatest length of the skeleton that is bent at a junction."""

CROSSING_DEG = 45.0, 135.0
"""Angles between a short road and the two it connects, such as carriageways, for these to stay apart."""

CROSSING_HALF_WIDTHS = 1.25
"""Such a road is longer than this and a pixel, in half-widths at its junctions, which are wider than their roads: there
is a gap between the two roads."""

AXIS_M = 12.0
"""Length beyond the bent skeleton to which a road's axis is fitted: so far a road is straight, or one simple curve."""

CURVE_PX = 2.0
"""A road whose parabola leaves its line by this much, at the end nearest the junction, is curved."""

HOLD = 0.05
"""Weight of a junction's old place against the axes of its roads: it decides where all roads run one way."""

SHIFT_HALF_WIDTHS, SHIFT_PX = 1.5, 2.0
"""Furthest that a junction moves."""

ISLAND_M = 60.0
"""Two edges between the same junctions that are shorter may be the sides of a hole in one road."""

ISLAND_HALF_WIDTHS = 1.5
"""Mean distance up to which they are, in half-widths at the junctions."""

# Weak edges and networks

FAINT = 3 / 14
"""Share of the way from the threshold to 1 below which the mean probability of an edge is too low: 0.45 for 0.3."""

FAINT_DEAD_END, DEAD_END_M = 3 / 7, 100.0
"""The same for shorter dead ends, which are more often wrong: 0.6 for 0.3."""

FAINT_NETWORK, FAINT_NETWORK_FACTOR = 0.5, 2.5
"""Below this mean probability a network must be so many times longer than `min_component_m`."""

# Gaps

GAP_CANDIDATES = 8
"""Nearest dead ends that one may be joined to: where there are more, none of them is evidence of a road."""

GAP_HEADING_M = 10.0
"""Length of road from which the direction of a dead end is taken."""

GAP_TURN_DEG = 40.0
"""Greatest turn of either dead end towards the other."""

GAP_TURN_COSINE = 0.77
"""Least cosine of the turn of a dead end towards another road: 40°, rounded."""

BESIDE_M = 12.0
"""Distance to the left and right at which a gap is compared with what surrounds it: beyond most roads."""

GAP_CONTRAST = 1.5
"""Probability along a gap over that beside it, at least: haze is no evidence of a road."""

# Edge of the scene

LEAVING_HALF_WIDTHS = 1.5
"""Half-widths, and a pixel, from the edge of the scene within which a dead end leaves the scene."""

LEAVING_OBLIQUE = 2.0
"""Times that distance along the road, at most: roads may leave the scene at an acute angle."""

# Lines and attributes

TIP_HALF_WIDTHS = 1.5
"""Skeleton that is straightened at a dead end, which leads to a corner of the road: √2 half-widths and a little."""

TIP_HEADING_M, TIP_HEADING_PX = 8.0, 16.0
"""Length of line, whichever is greater, from which the direction of a dead end is taken."""

SMOOTH_PX = 2.0
"""Least standard deviation of the Gaussian that smooths centrelines: the stair-steps of coarse pixels."""

SIMPLIFY_PX = 0.25
"""Least tolerance of the final simplification."""

JUNCTION_SHARE = 0.75
"""Widths are not measured within this share of an edge's mean width from its nodes, nor within their half-widths: a
skeleton leads into other roads there, or to a corner."""

PLAZA_SHARE = 0.5
"""An edge is a plaza if more than this share of its pixels leads around one."""
