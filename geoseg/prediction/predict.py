"""Predict a scene: from a raster to a class raster and a road network on disk."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Unpack

import rasterio
from odc.geo.roi import roi_shape

from geoseg.errors import BundleError, OutputError, SceneError
from geoseg.models.bundle import read_card
from geoseg.models.engines.engine import Loader
from geoseg.models.engines.registry import load_engine
from geoseg.models.engines.runtime import Runtime
from geoseg.models.shipped import DEFAULT_MODEL, find_model
from geoseg.rasters.ground import crs_of
from geoseg.rasters.open import GDAL, legible, on_disk
from geoseg.rasters.scene import open_scene
from geoseg.roads import road_raster, trace_network
from geoseg.tiling.progress import Progress, no_progress
from geoseg.vectors.qgis import class_style
from geoseg.vectors.write import write_layers

from .areas import AreaCounter, ClassArea
from .executors import Executor, Job, LocalExecutor
from .journal import Journal, open_journal
from .mosaic import assemble, match_scene
from .outputs import Outputs, name_outputs
from .plan import Plan, plan
from .result_layers import ROAD, Layer, output_grid, read_rows, requested_layers, write_cog
from .settings import Options, Settings


@dataclass(frozen=True, kw_only=True)
class RoadTotals:
    """Size of a road network."""

    count: int
    """Number of edges."""
    length_km: float
    """Geodesic length."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Files and totals of a finished prediction."""

    source: str
    outputs: Outputs
    areas: tuple[ClassArea, ...]
    """In the order of the legend."""
    roads: RoadTotals | None
    """None if no roads were traced."""
    runtime: Runtime | None
    """What ran the network; None for a loader of the caller."""


def predict(
    source: str | Path,
    *,
    model: str | Path = DEFAULT_MODEL,
    folder: str | Path = ".",
    overwrite: bool = False,
    executor: Executor | None = None,
    load: Loader | None = None,
    progress: Progress = no_progress,
    **options: Unpack[Options],
) -> Prediction:
    """Predict the classes and roads of a scene, and write them to `folder`.

    A stopped run resumes when called again with the same arguments.

    Parameters
    ----------
    source
        Raster file, VRT or URL for GDAL.
    model
        Name of a shipped model, or path of a bundle.
    folder
        Folder for the results, created if missing.
    overwrite
        Replace existing results.
    executor
        Runs the blocks: `LocalExecutor()` by default, or `DaskExecutor(client=…)`.
    load
        Loads an engine from a bundle, in place of `engine`, `precision` and `devices`.
    progress
        Called with finished pixels, all pixels, and `""`.
    **options
        Fields of `Settings`.

    Raises
    ------
    SceneError, BundleError, OutputError, UsageError
        With one sentence: what was found, what was expected, what to do.
    """
    settings = Settings(**options)
    return run(
        source,
        find_model(model),
        settings,
        runtime=None if load else settings.choose_runtime(),
        load=load or load_engine,
        folder=Path(folder),
        overwrite=overwrite,
        executor=executor,
        progress=progress,
    )


def run(
    source: str | Path,
    bundle: Path,
    settings: Settings,
    *,
    runtime: Runtime | None,
    load: Loader,
    folder: Path,
    overwrite: bool = False,
    executor: Executor | None = None,
    progress: Progress = no_progress,
) -> Prediction:
    """Predict a scene with engines of `load`, which `runtime` describes; see `predict`."""
    executor = executor or LocalExecutor()
    # Absolute, since a cluster's workers may run in other folders.
    bundle, target = bundle.absolute(), folder.absolute()
    scene = str(Path(source).absolute()) if on_disk(source) else str(source)
    if legible(str(target)) != str(target):
        raise OutputError(f"{legible(str(target))} has a name that is not UTF-8, which GDAL needs; choose another.")
    with rasterio.Env(**GDAL):
        planned = plan(open_scene(scene), read_card(bundle), settings, runtime=runtime, workers=executor.workers)
        files = name_outputs(planned, target)
        journal = open_journal(target / f".{planned.scene.stem}.geoseg", planned, bundle)
        files.check_places(journal)
        if not (overwrite or journal.publishing):
            files.refuse_existing()
        jobs = [Job(plan=planned, block=block, model=bundle, journal=journal, load=load) for block in planned.blocks]
        done, total = 0, prod(roi_shape(planned.roi))
        with journal.lock():
            try:
                for pixels in executor(jobs):
                    done += pixels
                    progress(done, total, "")
                prediction = _write_results(planned, journal, files, overwrite=overwrite)
            except (SceneError, BundleError):
                # A file stays unreadable; a server may answer the next time.
                if on_disk(scene):
                    journal.discard()
                raise
            journal.discard()
    return prediction


def _write_results(plan: Plan, journal: Journal, files: Outputs, *, overwrite: bool) -> Prediction:
    """Write every file in the work folder, then publish them all."""
    mosaics = {layer: assemble(plan, journal, layer) for layer in requested_layers(plan)}
    (classes,) = (mosaic for layer, mosaic in mosaics.items() if layer.name == "classes")
    counter = AreaCounter(plan.card.legend, output_grid(plan))
    with ThreadPoolExecutor(max_workers=1) as pool:  # one core compresses rasters while the other traces roads
        rasters = pool.submit(_write_rasters, plan, journal, files, mosaics)
        counter.count(read_rows(classes))
        roads = _write_roads(plan, journal, files, mosaics)
        rasters.result()
    if not counter.pixels.any():
        where = "anywhere" if plan.aoi is None else "in the area of interest"
        raise SceneError(f"{plan.scene.source} has no data {where}: every pixel is masked or nodata.")
    files.publish(journal, overwrite=overwrite)
    return Prediction(source=plan.scene.source, outputs=files, areas=counter.areas(), roads=roads, runtime=plan.runtime)


def _write_roads(plan: Plan, journal: Journal, files: Outputs, mosaics: dict[Layer, Path]) -> RoadTotals | None:
    """Trace roads from their probability, if requested."""
    if files.road_style is None or plan.road is None:
        return None
    probabilities = [mosaic for layer, mosaic in mosaics.items() if layer.name == "probabilities"]
    if probabilities:
        opened = road_raster(probabilities[0], band=plan.road + 1, probability=True)
    else:
        opened = road_raster(assemble(plan, journal, ROAD), probability=True)
    with opened as raster:
        network = trace_network(raster.read, raster.grid.shape.yx, raster.grid.transform, crs_of(raster.grid))
    road_layers = network.layers()
    journal.work_file(files.road_style).write_text(road_layers[0].style)
    for name, path in files.roads.items():
        write_layers(road_layers, journal.work_file(path), name)
    return RoadTotals(count=len(network), length_km=network.length_km)


def _write_rasters(plan: Plan, journal: Journal, files: Outputs, mosaics: dict[Layer, Path]) -> None:
    """Write the requested rasters, on the model's grid or the scene's, and the style of the classes."""
    targets = {"classes": files.classes, "confidence": files.confidence, "probabilities": files.probabilities}
    with rasterio.Env(**GDAL):
        for layer, mosaic in mosaics.items():
            target = targets[layer.name]
            if target is None:
                raise ValueError(f"layer {layer.name} was not requested.")
            if plan.settings.match_input:
                mosaic = match_scene(plan, layer, mosaic)  # noqa: PLW2901
            write_cog(mosaic, journal.work_file(target), layer)
    journal.work_file(files.style).write_text(class_style(plan.card.legend))
