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
from geoseg.rasters.open import GDAL, legible, on_disk
from geoseg.rasters.scene import open_scene
from geoseg.roads import road_raster
from geoseg.roads.trace import finish_network
from geoseg.tiling.progress import Progress, no_progress
from geoseg.vectors.qgis import class_style
from geoseg.vectors.write import write_layers

from .areas import ClassArea
from .executors import Executor, Job, LocalExecutor
from .finishing import Finisher
from .journal import Journal, open_journal
from .mosaic import match_scene
from .outputs import Outputs, name_outputs
from .plan import Plan, plan
from .result_layers import Layer, requested_layers, write_cog
from .settings import Options, Settings
from .timings import StageTime, Timings

COMPILING = "compiling the road tracer (first run only)"
"""Text of progress, which explains a slow first run."""


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
    stages: dict[str, StageTime]
    """Time of each stage; they overlap."""
    wall_s: float
    """Seconds of the whole run."""

    @property
    def slowest(self) -> str:
        """The stage that was busy longest: the others waited for it."""
        return max(self.stages, key=lambda stage: self.stages[stage].busy_s)


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
        Called with finished pixels, all pixels, and `COMPILING` at the first run on a machine, else `""`.
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
    clock, executor = Timings(), executor or LocalExecutor()
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
                with Finisher(planned, journal, clock) as finisher:
                    progress(0, total, COMPILING if finisher.compiling else "")
                    for finished in executor(jobs, clock):
                        finisher.add(finished)
                        done += finished.pixels
                        progress(done, total, "")
                    prediction = _write_results(planned, journal, files, finisher, overwrite=overwrite)
            except (SceneError, BundleError):
                # A file stays unreadable; a server may answer the next time.
                if on_disk(scene):
                    journal.discard()
                raise
            journal.discard()
    return prediction


def _write_results(plan: Plan, journal: Journal, files: Outputs, finisher: Finisher, *, overwrite: bool) -> Prediction:
    """Write every file in the work folder, then publish them all."""
    mosaics = finisher.mosaics()
    if not finisher.areas.pixels.any():
        where = "anywhere" if plan.aoi is None else "in the area of interest"
        raise SceneError(f"{plan.scene.source} has no data {where}: every pixel is masked or nodata.")
    targets = {"classes": files.classes, "confidence": files.confidence, "probabilities": files.probabilities}
    with ThreadPoolExecutor(len(mosaics)) as pool:
        rasters = [
            pool.submit(_write_raster, plan, layer, mosaics[layer], journal.work_file(target), finisher.clock)
            for layer in requested_layers(plan)
            if (target := targets[layer.name]) is not None
        ]
        journal.work_file(files.style).write_text(class_style(plan.card.legend))
        roads = _write_roads(plan, journal, files, finisher, mosaics)
        for raster in rasters:
            raster.result()
    files.publish(journal, overwrite=overwrite)
    areas = finisher.areas.areas()
    return Prediction(
        source=plan.scene.source,
        outputs=files,
        areas=areas,
        roads=roads,
        runtime=plan.runtime,
        stages=finisher.clock.stages(),
        wall_s=finisher.clock.wall_s,
    )


def _write_roads(
    plan: Plan, journal: Journal, files: Outputs, finisher: Finisher, mosaics: dict[Layer, Path]
) -> RoadTotals | None:
    """Turn the skeleton of roads into a network and write it, if requested."""
    if files.road_style is None or plan.road is None or finisher.tracing is None:
        return None
    skeleton = finisher.skeleton()
    layer = next(layer for layer in mosaics if layer.name in {"road", "probabilities"})
    band = 1 if layer.name == "road" else plan.road + 1
    with finisher.clock.busy("roads"):
        with road_raster(mosaics[layer], band=band, probability=True) as raster:
            network = finish_network(finisher.tracing, skeleton, raster.read)
        road_layers = network.layers()
        journal.work_file(files.road_style).write_text(road_layers[0].style)
        for name, path in files.roads.items():
            write_layers(road_layers, journal.work_file(path), name)
    return RoadTotals(count=len(network), length_km=network.length_km)


def _write_raster(plan: Plan, layer: Layer, mosaic: Path, target: Path, clock: Timings) -> None:
    """Write a requested raster, on the model's grid or the scene's."""
    with clock.busy("compress"), rasterio.Env(**GDAL):
        if plan.settings.match_input:
            mosaic = match_scene(plan, layer, mosaic)
        write_cog(mosaic, target, layer)
