"""Rasters of a result, and their conversion to Cloud Optimized GeoTIFFs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geoseg.rasters.geotiff import check_complete, writing

from .plan import Plan

STRIP_ROWS = 512
"""Rows per strip of work rasters."""

_COG = {
    "driver": "COG",
    "compress": "deflate",
    "level": 6,
    "blocksize": 512,
    "bigtiff": "if_safer",
    "num_threads": "all_cpus",
}


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
    if plan.settings.probabilities:
        wanted.append(Layer(name="probabilities", bands=plan.card.legend.names, overviews="average"))
    return wanted


ROAD = Layer(name="road", bands=("road",), overviews="average")
"""Probability to trace roads from, if the probabilities of all classes are not requested."""


def output_grid(plan: Plan) -> GeoBox:
    """The part of the grid to predict."""
    return plan.grid[plan.roi]


def write_cog(mosaic: Path, target: Path, layer: Layer) -> None:
    """Copy a mosaic to a Cloud Optimized GeoTIFF; raises OSError if it is incomplete."""
    with writing(target):
        rasterio.shutil.copy(mosaic, target, **_COG, overview_resampling=layer.overviews)
        check_complete(target)


def read_rows(raster: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield strips `(rows, columns)` of the first band from top to bottom, `STRIP_ROWS` rows each."""
    with rasterio.open(raster) as source:
        for top in range(0, source.height, STRIP_ROWS):
            height = min(STRIP_ROWS, source.height - top)
            yield source.read(1, window=Window(0, top, source.width, height))
