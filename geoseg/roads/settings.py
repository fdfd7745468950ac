"""The lengths that decide what is a road, in metres on the ground."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RoadSettings:
    """Choices of the tracer."""

    threshold: float = 0.3
    """Probability from which a smoothed pixel is road. Below a half, because a rough edge then breaks no road."""

    certain: bool = False
    """Probabilities are 0 or 1, those of a mask: no road is dropped for being faint, however thin."""

    blur_m: float = 0.5
    """Standard deviation of the Gaussian that probabilities are smoothed with."""

    max_hole_m2: float = 16.0
    """Gaps inside a road that cover no more are filled."""

    max_half_width_m: float = 19.0
    """What is further than this from every edge is carved out: the road leads around it, as around a plaza."""

    min_spur_m: float = 7.0
    """Dead ends that reach less far than this beyond the edge of the road they leave are dropped."""

    merge_half_widths: float = 2.5
    """Junctions closer than this many half-widths (and 2 pixels) are one: a skeleton splits a crossing in two."""

    min_loop_m: float = 20.0
    """Loops and rings shorter than this are dropped."""

    max_gap_m: float = 40.0
    """Gaps up to this long may be closed."""

    min_gap_probability: float = 0.1
    """Mean probability that must be left along a gap that is closed."""

    min_component_m: float = 25.0
    """Networks shorter than this in all are dropped."""

    smooth_m: float = 2.5
    """Standard deviation of the Gaussian along the centreline: longer than a stair-step of the skeleton."""

    simplify_m: float = 0.25
    """Tolerance of the final simplification."""
