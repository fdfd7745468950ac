"""Layers of a result, and the pixel grids that its rasters may have."""

import math
from dataclasses import dataclass

from odc.geo.geobox import GeoBox

from .plan import Plan

LEAST_SPARSE = 2**28
"""Fewest pixels of a sparse result: programs other than GDAL may not read such files."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One raster of a result."""

    name: str
    """Field of `Rows`, and name of the pieces."""
    bands: tuple[str, ...]
    """Band descriptions."""
    overviews: str
    """Resampling of overviews: `mode` for ids, `average` for quantities."""


def requested_layers(plan: Plan) -> list[Layer]:
    """Rasters that the settings request; the classes come first."""
    wanted = [Layer(name="classes", bands=("class",), overviews="mode")]
    if plan.settings.confidence:
        wanted.append(Layer(name="confidence", bands=("probability of the class",), overviews="average"))
    if plan.settings.disagreement:
        wanted.append(Layer(name="disagreement", bands=("disagreement of tiles",), overviews="average"))
    if plan.settings.probabilities:
        wanted.append(Layer(name="probabilities", bands=plan.card.legend.names, overviews="average"))
    return wanted


def work_layers(plan: Plan) -> list[Layer]:
    """Rasters to assemble: those requested, and the probability of road to trace unless it is among them."""
    wanted = requested_layers(plan)
    if plan.road is not None and not plan.settings.probabilities:
        wanted.append(Layer(name="road", bands=("road",), overviews="average"))
    return wanted


def road_band(plan: Plan) -> tuple[str, int]:
    """Name of the work layer that holds the probability of road, and the number of its band there."""
    return ("probabilities", plan.road + 1) if plan.settings.probabilities and plan.road is not None else ("road", 1)


def predicted_grid(plan: Plan) -> GeoBox:
    """The part of the model's grid to predict: that of the work rasters."""
    return plan.grid.geobox[plan.roi]


def result_grid(plan: Plan) -> GeoBox:
    """Pixel grid of the requested rasters: the predicted one, or the scene's pixels on request."""
    return plan.scene.geobox[plan.scene_roi] if plan.settings.match_input else predicted_grid(plan)


def is_mostly_empty(plan: Plan, pixels: int) -> bool:
    """Whether so few of a result's pixels have data that its rasters are sparse: blocks without data are left out."""
    size = math.prod(predicted_grid(plan).shape)
    return size >= LEAST_SPARSE and pixels <= size / 4
