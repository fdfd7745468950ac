"""Write the files of a prediction once all rows are finished."""

import math
from concurrent.futures import wait
from dataclasses import dataclass, replace
from functools import partial

import rasterio

from geoseg.errors import SceneError
from geoseg.models.engines.hardware import free_heap
from geoseg.models.engines.runtime import Runtime
from geoseg.rasters.open import GDAL
from geoseg.rasters.overviews import Overview
from geoseg.roads import road_raster
from geoseg.roads.graph.chains import Chains, splice
from geoseg.roads.network import RoadTotals
from geoseg.roads.skeleton.pieces import Pieces
from geoseg.roads.trace import Tracing, finish_network
from geoseg.threads import in_thread
from geoseg.vectors.qgis import class_style
from geoseg.vectors.write import write_layers

from .areas import ClassArea
from .finishing import Finishing
from .journal import Journal
from .outputs import Outputs
from .parts import apart
from .plan import Plan
from .report import road_picture, write_report, write_road_picture
from .result_layers import Layer, is_mostly_empty, requested_layers, road_band
from .result_rasters import RasterWriting, Submit
from .stac_item import write_item
from .timings import StageTime


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Files and totals of a finished prediction."""

    source: str
    bands: tuple[tuple[str, int], ...]
    """The model's bands by name, and the scene's by number, from 1."""
    overview: Overview | None
    """Overview that was read; None for the scene's own pixels."""
    outputs: Outputs
    areas: tuple[ClassArea, ...]
    """In the order of the legend, unknown pixels last."""
    roads: RoadTotals | None
    """None if no roads were traced."""
    stretch: str | None
    """Range of values that became 0–255, as `stretch` takes it; None if the model's own scaling was used."""
    runtime: Runtime | None
    """Engine, precision and devices of the network; None for a loader of the caller."""
    stages: dict[str, StageTime]
    """Time of each stage; they overlap."""
    wall_s: float
    """Seconds of the whole run."""

    @property
    def slowest(self) -> str:
        """The stage that was busy longest: the others waited for it."""
        return max(self.stages, key=lambda stage: self.stages[stage].busy_s)


def write_results(
    plan: Plan, journal: Journal, files: Outputs, finisher: Finishing, submit: Submit, *, workers: int, overwrite: bool
) -> Prediction:
    """Write every file in the work folder, then publish them all; `submit` and `workers` are those of an `Executor`.

    SceneError if no pixel has data; `Stopped`, with nothing published, if the finisher was stopped.
    """
    mosaics, plan = finisher.mosaics(), journal.as_run(plan)
    if not finisher.areas.pixels.any():
        where = "anywhere" if plan.aoi is None else "in the area of interest"
        raise SceneError(f"{plan.scene.source} has no data {where}: every pixel is masked or nodata.")
    for mosaic in mosaics.values():
        journal.parts.add(mosaic)
    targets = {name: journal.work_file(path) for name, path in files.rasters.items()}
    sparse = is_mostly_empty(plan, int(finisher.areas.pixels.sum()))
    task = replace(plan, blocks=(plan.roi,))  # of a cluster's scene, they would be most of what is sent

    writing = RasterWriting(
        plan=task, parts=journal.parts, submit=submit, check=finisher.check, workers=workers, sparse=sparse
    )

    def write(layer: Layer) -> None:
        with finisher.clock.busy("compress"):
            made = writing.write(layer, mosaics[layer], targets[layer.name].name)
            journal.parts.bring(made, journal.folder)

    rasters = [in_thread(partial(write, layer), name="compress") for layer in requested_layers(plan)]
    try:
        journal.work_file(files.style).write_text(class_style(plan.legend), encoding="utf-8")
        roads = None
        if files.road_style is not None and finisher.tracing is not None:
            mosaic = next(path for layer, path in mosaics.items() if layer.name == road_band(plan)[0])
            skeleton = finisher.skeleton()
            with finisher.clock.busy("roads"):
                network = submit(_write_roads, task, journal, files, finisher.tracing, skeleton, mosaic.name)
                roads, written = network.result()
                journal.parts.bring(written, journal.folder)
    finally:
        wait(rasters)
    for raster in rasters:
        raster.result()
    finisher.check()
    areas = finisher.areas.areas()
    if files.report is not None:
        write_report(plan, journal, files, areas=areas, roads=roads, clock=finisher.clock, report=files.report)
        finisher.check()
    if files.item is not None:
        write_item(plan, journal, files, files.item)
    files.publish(journal, overwrite=overwrite)
    return Prediction(
        source=plan.scene.source,
        bands=tuple(zip(plan.card.bands, plan.bands, strict=True)),
        overview=plan.overview,
        outputs=files,
        areas=areas,
        roads=roads,
        stretch=None if plan.stretch is None else str(plan.stretch),
        runtime=plan.runtime,
        stages=finisher.clock.stages(),
        wall_s=finisher.clock.wall_s,
    )


def _write_roads(  # noqa: PLR0917 - a task has positional arguments
    plan: Plan, journal: Journal, files: Outputs, tracing: Tracing, skeleton: Chains | list[Pieces], mosaic: str
) -> tuple[RoadTotals, list[str]]:
    """Turn the skeleton of roads into a network and write it; returns the names of its files, too."""
    free_heap()  # of blocks that were traced after the last was predicted
    chains = splice(skeleton, tracing.grid.shape[1]) if isinstance(skeleton, list) else skeleton
    _, band = road_band(plan)
    with journal.parts.near([mosaic]) as near:
        with (
            rasterio.Env(**GDAL),
            road_raster(near / mosaic, band=band, probability=True, max_pixels=math.inf) as raster,
        ):
            network = finish_network(tracing, chains, raster.read)
        free_heap()  # frees what the network was made from, before the formats load their libraries
        road_layers = network.layers()
        with apart(journal.parts, near) as (folder, made):
            if files.road_style is not None:
                style = folder / journal.work_file(files.road_style).name
                style.write_text(road_layers[0].style, encoding="utf-8")
            if files.report is not None:
                write_road_picture(plan, network, tracing.factor, folder / road_picture(journal, files.report).name)
            for name, path in files.roads.items():
                write_layers(road_layers, folder / journal.work_file(path).name, name)
    return RoadTotals(count=len(network), length_km=network.length_km), made
