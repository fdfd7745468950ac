"""Trace the road network of a raster file and write it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import rasterio

from geoseg.errors import SceneError, UsageError
from geoseg.files import whole_files
from geoseg.rasters.grid import SAME_GSD
from geoseg.rasters.ground import crs_of, ground_sample_distance
from geoseg.threads import Tasks
from geoseg.tiling.progress import Progress, no_progress
from geoseg.vectors.targets import prepare_targets
from geoseg.vectors.write import write_files

from .network import RoadNetwork
from .raster import road_raster
from .settings import COARSEST_M, RoadSettings
from .trace import trace_network

_CACHE_BYTES = 128 * 2**20
"""GDAL's block cache, so that the overlap of blocks is decompressed once."""


def trace_roads(
    source: str | Path,
    output: str | Path | None = None,
    *,
    formats: Sequence[str] = (),
    road_class: int | None = None,
    threshold: float | None = None,
    band: int | None = None,
    workers: int = 1,
    executor: Tasks | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> RoadNetwork:
    """Trace the road network of a raster.

    Parameters
    ----------
    source
        Raster of class ids or road probabilities.
    output
        File to write, in the format of its extension: .geojson, .gpkg, .fgb or .parquet. A QGIS style is written next
        to all but a GeoPackage, which contains it. `None` writes nothing.
    formats
        More formats to write next to `output`: geojson, gpkg, flatgeobuf, parquet.
    road_class
        Class id of roads; not needed for rasters written by geoseg.
    threshold
        Lowest probability of a road pixel, if the raster holds probabilities.
    band
        Band number, from 1; by default the band named "road", or the only one.
    workers
        Threads; they do not affect the result.
    executor
        A `DaskExecutor` whose workers trace instead; they are sent what they need and see no files.
    overwrite
        Replace existing files.
    progress
        Called after each block with pixels traced, all pixels, and `""`.

    Raises
    ------
    UsageError
        If an argument is invalid, or the raster does not record whether it holds classes or probabilities, or holds the
        other.
    SceneError
        If the raster cannot be read, has no georeference, or its pixels are larger than 10 m (by 5 %).
    OutputError
        If a file exists and `overwrite` is not set, or cannot be written.

    Warns
    -----
    GeosegWarning
        If no pixel has the class, or values are hardly probabilities or not in the raster's legend.
    """
    if road_class is not None and threshold is not None:
        raise UsageError("a raster holds classes (`road_class`) or probabilities (`threshold`), not both.")
    if threshold is not None and not 0 < threshold < 1:
        raise UsageError(f"`threshold` must be a probability between 0 and 1, got {threshold}.")
    if workers < 1:
        raise UsageError(f"`workers` must be at least 1, got {workers}.")
    if workers > 1 and executor is not None:
        raise UsageError("`workers` are threads of this process, and with a scheduler its workers trace; give one.")
    wanted = prepare_targets(output, formats, source, overwrite=overwrite)
    settings = RoadSettings() if threshold is None else replace(RoadSettings(), threshold=threshold)
    with (
        rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES),
        road_raster(source, band=band, road_class=road_class, probability=threshold is not None) as raster,
    ):
        grid = raster.grid
        pixel_m = max(ground_sample_distance(grid))
        if pixel_m > COARSEST_M * (1 + SAME_GSD):
            raise SceneError(f"{source} has pixels of {pixel_m:g} m; roads are traced at {COARSEST_M:g} m or finer.")
        settings = replace(settings, certain=raster.meaning.certain)
        network = trace_network(
            raster.read,
            grid.shape.yx,
            grid.transform,
            crs_of(grid),
            settings,
            workers=workers,
            executor=executor,
            progress=progress,
        )
        raster.meaning.check(settings.threshold)
    if wanted is None:
        return network
    with whole_files(wanted.files) as folder:
        write_files(network.layers(), wanted, folder)
    return replace(network, files=wanted.files)
