"""Warn of datum shifts that are inaccurate because PROJ lacks a grid."""

import warnings

import numpy as np
import numpy.typing as npt
from pyproj import CRS
from pyproj.transformer import AreaOfInterest, TransformerGroup

from geoseg.messages import warn

from .ground import Geodesy

_ROUGH_M = 3.0
"""Metres by which a grid that is not installed would improve a transformation."""


def warn_of_shift(what: str, source: CRS, target: CRS, points: npt.NDArray[np.float64]) -> None:
    """Issue a GeosegWarning of what `rough_shift` says, if anything; `what` is moved."""
    if (rough := rough_shift(source, target, points)) is not None:
        warn(f"{what}: {rough}")


def rough_shift(source: CRS, target: CRS, points: npt.NDArray[np.float64]) -> str | None:
    """Say by how much a transformation of points `(n, 2)` is off, if a grid that PROJ lacks would be much better."""
    if source.datum is not None and source.datum == target.datum:
        return None
    lonlat = np.stack(Geodesy(crs=source).lonlat(points[:, 0], points[:, 1]))
    lonlat = lonlat[:, np.isfinite(lonlat).all(axis=0)]
    if not lonlat.size:
        return None
    area = AreaOfInterest(*lonlat.min(axis=1).tolist(), *lonlat.max(axis=1).tolist())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyproj's own words on any better grid, however little it adds
        found = TransformerGroup(source.to_2d(), target.to_2d(), always_xy=True, area_of_interest=area)
    better = [each for each in found.unavailable_operations if each.accuracy >= 0]
    if not found.transformers or not better:
        return None
    best, used_m = min(better, key=lambda each: each.accuracy), found.transformers[0].accuracy
    if 0 <= used_m < best.accuracy + _ROUGH_M:
        return None
    grid = next(each.short_name for each in best.grids if not each.available)
    off = f"may be {used_m:g} m off" if used_m >= 0 else "may be off by any distance"
    return (
        f"coordinates moved from {source.name} to {target.name} {off}, instead of {best.accuracy:g} m, since PROJ "
        f"lacks the grid {grid}: `pyproj sync --file {grid}` downloads it."
    )
