"""From a raster on disk to a road network on disk."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import rasterio

from geoseg.errors import SceneError, UsageError
from geoseg.files import check_outputs, whole_files
from geoseg.rasters.ground import crs_of, ground_sample_distance
from geoseg.vectors.targets import targets
from geoseg.vectors.write import write_files

from .network import RoadNetwork
from .raster import road_raster
from .settings import RoadSettings
from .trace import Progress, trace_roads

COARSEST_M = 10.0
"""Side of a pixel beyond which a road and a plaza are the same."""

_CACHE_BYTES = 128 * 2**20
"""GDAL's block cache: blocks overlap, and what two of them need should be decompressed once."""


@dataclass(frozen=True, kw_only=True)
class TracedRoads:
    """A network and the files that it was written to."""

    network: RoadNetwork
    files: tuple[Path, ...]


def roads(
    source: str | Path,
    output: str | Path,
    *,
    formats: Sequence[str] = (),
    road_class: int | None = None,
    threshold: float | None = None,
    band: int | None = None,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress = lambda done, total: None,
) -> TracedRoads:
    """Trace the roads of a raster and write them, with a QGIS style beside all but a GeoPackage.

    Parameters
    ----------
    source
        Raster of class ids or of road probabilities.
    output
        File to write; its ending names a format: .geojson, .gpkg, .fgb or .parquet.
    formats
        Further formats, written beside: geojson, gpkg, flatgeobuf, parquet.
    road_class
        Class id of roads; not needed for what geoseg wrote.
    threshold
        The raster holds probabilities, and from this one on a pixel is road.
    band
        Number of the band, from 1.
    workers
        Threads that trace blocks; they do not change the result.
    overwrite
        Replace files that exist.
    progress
        Called whenever a block is finished.

    Raises
    ------
    SceneError, UsageError, OutputError
        Each a sentence on what was found, what was expected, and what to do.
    """
    if road_class is not None and threshold is not None:
        raise UsageError("a raster holds class ids (--class) or probabilities (--threshold), not both.")
    wanted = targets(output, formats, str(source))
    check_outputs(wanted.files, overwrite=overwrite)
    settings = RoadSettings() if threshold is None else replace(RoadSettings(), threshold=threshold)
    with (
        rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES),
        road_raster(source, band=band, road_class=road_class, probability=threshold is not None) as raster,
    ):
        grid = raster.grid
        pixel_m = max(ground_sample_distance(grid))
        if pixel_m > COARSEST_M:
            raise SceneError(f"{source} has pixels of {pixel_m:g} m; roads are traced at {COARSEST_M:g} m or finer.")
        settings = replace(settings, certain=raster.certain)
        network = trace_roads(
            raster.read, grid.shape.yx, grid.transform, crs_of(grid), settings, workers=workers, progress=progress
        )
    with whole_files(wanted.files) as folder:
        write_files(network.layers(), wanted, folder)
    return TracedRoads(network=network, files=wanted.files)
