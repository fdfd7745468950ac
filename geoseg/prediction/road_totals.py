"""Totals of a road network."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RoadTotals:
    """Size of a road network."""

    count: int
    """Number of edges."""
    length_km: float
    """Geodesic length."""
