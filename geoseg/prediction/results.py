"""Write the files of a prediction once all rows are finished."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

import rasterio

from geoseg.errors import SceneError
from geoseg.models.engines.hardware import count_cores, free_heap
from geoseg.models.engines.runtime import Runtime
from geoseg.rasters.cog import describe, join_cog
from geoseg.rasters.geotiff import writing
from geoseg.rasters.levels import Level, LevelPart, make_levels, make_part
from geoseg.rasters.open import GDAL
from geoseg.rasters.overviews import Overview
from geoseg.rasters.vrt_sources import Blocks
from geoseg.roads import road_raster
from geoseg.roads.graph.chains import Chains, splice
from geoseg.roads.skeleton.pieces import Pieces
from geoseg.roads.trace import Tracing, finish_network
from geoseg.threads import in_thread
from geoseg.vectors.qgis import class_style
from geoseg.vectors.write import write_layers

from .areas import ClassArea
from .finishing import Finishing
from .journal import Journal
from .mosaic import match_scene
from .outputs import Outputs
from .parts import Parts
from .plan import Plan
from .report import road_picture, write_report, write_road_picture
from .result_layers import Layer, is_mostly_empty, requested_layers, write_cog
from .road_totals import RoadTotals
from .stac_item import write_item
from .timings import StageTime

R = TypeVar("R")


class Submit(Protocol):
    """Runs tasks, here or on a cluster."""

    def __call__(self, task: Callable[..., R], *arguments: Any) -> Future[R]:  # noqa: ANN401 - of the task
        """Begin a task."""


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

    in_parts = sparse or plan.in_parts
    spread = in_parts and not (sparse or plan.settings.match_input)
    at_once = 4 * workers if workers > 1 else count_cores()

    def write(layer: Layer) -> None:
        mosaic = mosaics[layer]
        with finisher.clock.busy("compress"):
            target = targets[layer.name].name
            if spread:
                make = partial(_spread, submit, journal.parts, finisher.check, at_once)
                levels = make_levels(mosaic, journal.folder, layer.overviews, make=make)
                described = describe(mosaic, journal.folder)
                journal.parts.add(described)
                made = submit(_join_raster, journal.parts, levels, described.name, target)
            else:
                made = submit(_write_raster, task, journal.parts, layer, mosaic.name, target, in_parts, sparse)
            journal.parts.bring(made.result(), journal.folder)

    rasters = [in_thread(partial(write, layer), name="compress") for layer in requested_layers(plan)]
    try:
        journal.work_file(files.style).write_text(class_style(plan.legend))
        roads = None
        if files.road_style is not None and finisher.tracing is not None:
            mosaic = next(path for layer, path in mosaics.items() if layer.name in {"road", "probabilities"})
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


def _spread(
    submit: Submit, kept: Parts, check: Callable[[], None], at_once: int, parts: Sequence[LevelPart]
) -> Iterator[Blocks]:
    """Make the parts of a level where jobs run."""
    kept.add(parts[0].source)
    begun: deque[Future[Blocks]] = deque()
    for part in parts:
        if len(begun) == at_once:
            yield begun.popleft().result()
        check()
        begun.append(submit(_make_part, kept, part))
    yield from (each.result() for each in begun)


def _make_part(kept: Parts, part: LevelPart) -> Blocks:
    """Make a part of a level."""
    with kept.near([part.source.name], part.source_rows) as near:
        blocks = make_part(replace(part, source=near / part.source.name, target=near / part.target.name))
        kept.add(near / part.target.name)
    return blocks


def _join_raster(parts: Parts, levels: list[Level], described: str, target: str) -> list[str]:
    """Join a raster of which all parts are made; returns the names of its files."""
    names = [name for level in levels for name, _ in level.files]
    with (
        rasterio.Env(**GDAL),
        parts.near([described, *names], again=False) as near,
        _apart(parts, near) as (folder, made),
        writing(folder / target),
    ):
        join_cog(levels, near, near / described, folder / target, sparse=False)
    return made


def _write_roads(  # noqa: PLR0917 - a task has positional arguments
    plan: Plan, journal: Journal, files: Outputs, tracing: Tracing, skeleton: Chains | list[Pieces], mosaic: str
) -> tuple[RoadTotals, list[str]]:
    """Turn the skeleton of roads into a network and write it; returns the names of its files, too."""
    free_heap()  # of blocks that were traced after the last was predicted
    chains = splice(skeleton, tracing.grid.shape[1]) if isinstance(skeleton, list) else skeleton
    band = plan.road + 1 if plan.settings.probabilities and plan.road is not None else 1
    with journal.parts.near([mosaic]) as near:
        with rasterio.Env(**GDAL), road_raster(near / mosaic, band=band, probability=True) as raster:
            network = finish_network(tracing, chains, raster.read)
        free_heap()  # of what the network was made of, before the formats load their libraries
        road_layers = network.layers()
        with _apart(journal.parts, near) as (folder, made):
            if files.road_style is not None:
                (folder / journal.work_file(files.road_style).name).write_text(road_layers[0].style)
            if files.report is not None:
                write_road_picture(plan, network, folder / road_picture(journal, files.report).name)
            for name, path in files.roads.items():
                write_layers(road_layers, folder / journal.work_file(path).name, name)
    return RoadTotals(count=len(network), length_km=network.length_km), made


def _write_raster(  # noqa: PLR0917 - a task has positional arguments
    plan: Plan, parts: Parts, layer: Layer, mosaic: str, target: str, in_parts: bool, sparse: bool
) -> list[str]:
    """Write a requested raster, on the model's grid or the scene's; returns the names of its files."""
    with rasterio.Env(**GDAL), parts.near([mosaic]) as near, _apart(parts, near) as (folder, made):
        source = near / mosaic
        if plan.settings.match_input:
            source = match_scene(plan, layer, source, folder)
        write_cog(source, folder / target, layer, in_parts=in_parts, sparse=sparse)
    return made


@contextmanager
def _apart(parts: Parts, near: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder of its own, and a list for the names of its results, which are then added to the parts.

    A cluster may repeat a task whose worker it has lost, but which still writes.
    """
    with TemporaryDirectory(dir=near, prefix="task_") as name:
        made: list[str] = []
        yield Path(name), made
        for path in Path(name).glob("made_*"):
            parts.add(path)
            made.append(path.name)
