"""Write the files of a prediction once all rows are finished."""

from concurrent.futures import wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import rasterio

from geoseg.errors import SceneError
from geoseg.models.engines.hardware import free_heap
from geoseg.models.engines.runtime import Runtime
from geoseg.rasters.open import GDAL
from geoseg.rasters.overviews import Overview
from geoseg.roads import road_raster
from geoseg.roads.trace import finish_network
from geoseg.tiling import in_thread
from geoseg.vectors.qgis import class_style
from geoseg.vectors.write import write_layers

from .areas import ClassArea
from .finishing import Finisher
from .journal import Journal
from .mosaic import match_scene
from .outputs import Outputs
from .plan import Plan
from .result_layers import Layer, requested_layers, write_cog
from .stac_item import write_item
from .timings import StageTime, Timings


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
    bands: tuple[tuple[str, int], ...]
    """The model's bands by name, and the scene's by number, from 1."""
    overview: Overview | None
    """What was read of the scene; None for its own pixels."""
    outputs: Outputs
    areas: tuple[ClassArea, ...]
    """In the order of the legend, what is unknown last."""
    roads: RoadTotals | None
    """None if no roads were traced."""
    stretch: str | None
    """Range of values that became 0–255, as `stretch` takes it; None if the model's own scaling was used."""
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


def write_results(plan: Plan, journal: Journal, files: Outputs, finisher: Finisher, *, overwrite: bool) -> Prediction:
    """Write every file in the work folder, then publish them all.

    SceneError if no pixel has data; `Stopped`, with nothing published, if the finisher was stopped.
    """
    mosaics, plan = finisher.mosaics(), journal.as_run(plan)
    if not finisher.areas.pixels.any():
        where = "anywhere" if plan.aoi is None else "in the area of interest"
        raise SceneError(f"{plan.scene.source} has no data {where}: every pixel is masked or nodata.")
    targets = {name: journal.work_file(path) for name, path in files.rasters.items()}
    rasters = [
        in_thread(
            partial(_write_raster, plan, layer, mosaics[layer], targets[layer.name], finisher.clock), name="compress"
        )
        for layer in requested_layers(plan)
    ]
    try:
        journal.work_file(files.style).write_text(class_style(plan.legend))
        roads = _write_roads(plan, journal, files, finisher, mosaics)
    finally:
        wait(rasters)
    for raster in rasters:
        raster.result()
    finisher.check()
    if files.item is not None:
        write_item(plan, journal, files, files.item)
    files.publish(journal, overwrite=overwrite)
    areas = finisher.areas.areas()
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


def _write_roads(
    plan: Plan, journal: Journal, files: Outputs, finisher: Finisher, mosaics: dict[Layer, Path]
) -> RoadTotals | None:
    """Turn the skeleton of roads into a network and write it, if requested."""
    if files.road_style is None or plan.road is None or finisher.tracing is None:
        return None
    skeleton = finisher.skeleton()
    free_heap()  # of blocks that were traced after the last was predicted
    layer = next(layer for layer in mosaics if layer.name in {"road", "probabilities"})
    band = 1 if layer.name == "road" else plan.road + 1
    with finisher.clock.busy("roads"):
        with road_raster(mosaics[layer], band=band, probability=True) as raster:
            network = finish_network(finisher.tracing, skeleton, raster.read)
        free_heap()  # of what the network was made of, before the formats load their libraries
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
