"""Rasters of a result, and their conversion to Cloud Optimized GeoTIFFs."""

import math
from dataclasses import dataclass
from pathlib import Path

import rasterio.shutil
from odc.geo.geobox import GeoBox

from geoseg.models.engines.hardware import count_cores
from geoseg.rasters.cog import describe, join_cog
from geoseg.rasters.geotiff import check_complete, writing
from geoseg.rasters.levels import DEFLATE_LEVEL, make_levels
from geoseg.rasters.sparse import find_written
from geoseg.rasters.vrt_sources import SIDE

from .plan import Plan

_COG = {"driver": "COG", "compress": "deflate", "level": DEFLATE_LEVEL, "blocksize": SIDE, "bigtiff": "if_safer"}

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


def output_grid(plan: Plan) -> GeoBox:
    """The part of the grid to predict."""
    return plan.grid.geobox[plan.roi]


def result_grid(plan: Plan) -> GeoBox:
    """Pixel grid of the rasters: the model's, or the scene's on request."""
    return plan.scene.geobox[plan.scene_roi] if plan.settings.match_input else output_grid(plan)


def is_mostly_empty(plan: Plan, pixels: int) -> bool:
    """Whether so few of a result's pixels have data that its rasters are sparse: blocks without data are left out."""
    size = math.prod(output_grid(plan).shape)
    return size >= LEAST_SPARSE and pixels <= size / 4


def write_cog(mosaic: Path, target: Path, layer: Layer, *, in_parts: bool, sparse: bool) -> None:
    """Copy a mosaic, a VRT, to a Cloud Optimized GeoTIFF; raises OSError if it is incomplete.

    Blocks without data are left out if `sparse`, which needs `in_parts`, and not looked at.
    """
    with writing(target):
        if in_parts:
            written = find_written(mosaic) if sparse else None
            levels = make_levels(mosaic, target.parent, layer.overviews, written=written)
            join_cog(levels, target.parent, describe(mosaic, target.parent), target, sparse=sparse)
        else:
            rasterio.shutil.copy(mosaic, target, **_COG, num_threads=count_cores(), overview_resampling=layer.overviews)
            check_complete(target)
