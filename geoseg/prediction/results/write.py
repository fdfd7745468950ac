"""Write the files of a prediction once all rows are finished."""

from collections.abc import Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from geoseg.errors import SceneError
from geoseg.models.engines.runtime import Runtime
from geoseg.prediction.areas import ClassArea
from geoseg.prediction.finishing import Finishing
from geoseg.prediction.journal import Journal
from geoseg.prediction.layers import Layer, is_mostly_empty, requested_layers
from geoseg.prediction.outputs import Outputs
from geoseg.prediction.plan import Plan
from geoseg.prediction.report import write_report
from geoseg.prediction.timings import StageTime, Timings
from geoseg.rasters.overviews import Overview
from geoseg.roads.network import RoadTotals
from geoseg.threads import in_thread
from geoseg.vectors.qgis import class_style

from .rasters import RasterWriting, Submit
from .roads import write_roads
from .stac_item import write_item


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
    task = replace(plan, blocks=(plan.roi,))  # of a cluster's scene, they would be most of what is sent
    sparse = is_mostly_empty(plan, int(finisher.areas.pixels.sum()))
    writing = RasterWriting(
        plan=task, parts=journal.parts, submit=submit, check=finisher.check, workers=workers, sparse=sparse
    )
    rasters = _begin_rasters(writing, journal, files, mosaics, finisher.clock)
    try:
        journal.work_file(files.style).write_text(class_style(plan.legend), encoding="utf-8")
        roads = write_roads(task, journal, files, finisher, submit, mosaics)
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


def _begin_rasters(
    writing: RasterWriting, journal: Journal, files: Outputs, mosaics: Mapping[Layer, Path], clock: Timings
) -> list[Future[None]]:
    """Begin to write each requested raster, in a thread of its own."""

    def write(layer: Layer) -> None:
        target = journal.work_file(files.rasters[layer.name])
        with clock.busy("compress"):
            made = writing.write(layer, mosaics[layer], target.name)
            journal.parts.bring(made, journal.folder)

    return [in_thread(partial(write, layer), name="compress") for layer in requested_layers(writing.plan)]
