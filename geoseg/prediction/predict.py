"""Predict a scene: from a raster to a class raster and a road network on disk."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import rasterio

from geoseg.errors import BundleError, OutputError, SceneError
from geoseg.models.bundle import read_card
from geoseg.models.shipped import DEFAULT_MODEL, find_model
from geoseg.rasters.ground import crs_of
from geoseg.rasters.open import GDAL, legible, on_disk
from geoseg.rasters.scene import open_scene
from geoseg.roads import road_raster, trace_network
from geoseg.tiling.progress import Progress, no_progress
from geoseg.vectors.qgis import class_style
from geoseg.vectors.write import write_layers

from .areas import AreaCounter, ClassArea
from .executors import Executor, Job, Loader, LocalExecutor, load_keras
from .journal import Journal, journal
from .layers import ROAD, Layer, layers, output_grid, read_rows, write_cog
from .mosaic import assemble, match_scene
from .outputs import Outputs, outputs
from .plan import Plan, plan
from .settings import Options, Settings


@dataclass(frozen=True, kw_only=True)
class RoadTotals:
    """Size of a road network."""

    count: int
    """Edges."""
    length_km: float
    """Geodesic length of all edges."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Files and totals of a finished prediction."""

    source: str
    outputs: Outputs
    areas: tuple[ClassArea, ...]
    """In the order of the legend."""
    roads: RoadTotals | None
    """None if no roads were traced."""


def predict(
    source: str | Path,
    *,
    model: str | Path = DEFAULT_MODEL,
    folder: str | Path = ".",
    overwrite: bool = False,
    executor: Executor | None = None,
    load: Loader = load_keras,
    progress: Progress = no_progress,
    **options: Unpack[Options],
) -> Prediction:
    """Predict the classes and roads of a scene, and write them to `folder`.

    A run that was stopped resumes when it is called again with the same arguments.

    Parameters
    ----------
    source
        Raster file, VRT or URL that GDAL can open.
    model
        Name of a shipped model, or path of a bundle.
    folder
        Folder for the results, created if missing.
    overwrite
        Replace existing results.
    executor
        Runs the blocks: `LocalExecutor()` by default, or `DaskExecutor(client=…)`.
    load
        Makes an engine from a bundle; Keras by default.
    progress
        Called with finished pixels, all pixels, and `""`.
    **options
        Fields of `Settings`.

    Raises
    ------
    SceneError, BundleError, OutputError, UsageError
        With one sentence: what was found, what was expected, what to do.
    """
    executor = executor or LocalExecutor()
    # The workers of a cluster have working folders of their own.
    bundle, target = find_model(model).absolute(), Path(folder).absolute()
    scene = str(Path(source).absolute()) if on_disk(source) else str(source)
    if legible(str(target)) != str(target):
        raise OutputError(f"{legible(str(target))} has a name that is not UTF-8, which GDAL needs; choose another.")
    with rasterio.Env(**GDAL):
        planned = plan(open_scene(scene), read_card(bundle), Settings(**options), workers=executor.workers)
        files = outputs(planned, target)
        pieces = journal(target / f".{planned.scene.stem}.geoseg", planned, bundle)
        files.check_places(pieces)
        if not (overwrite or pieces.publishing):
            files.refuse_existing()
        with pieces.held():
            try:
                _run(planned, bundle, pieces, executor=executor, load=load, progress=progress)
                prediction = _finish(planned, pieces, files, overwrite=overwrite)
            except (SceneError, BundleError):
                # A file stays unreadable; a server may answer the next time.
                if on_disk(scene):
                    pieces.discard()
                raise
            pieces.discard()
    return prediction


def _run(plan: Plan, bundle: Path, pieces: Journal, *, executor: Executor, load: Loader, progress: Progress) -> None:
    jobs = [Job(plan=plan, block=block, model=bundle, journal=pieces, load=load) for block in plan.blocks]
    rows, cols = plan.roi
    total, done = (rows.stop - rows.start) * (cols.stop - cols.start), 0
    for pixels in executor(jobs):
        done += pixels
        progress(done, total, "")


def _finish(plan: Plan, pieces: Journal, files: Outputs, *, overwrite: bool) -> Prediction:
    """Write every file in the work folder, then publish them all."""
    mosaics = {layer: assemble(plan, pieces, layer) for layer in layers(plan)}
    (classes,) = (mosaic for layer, mosaic in mosaics.items() if layer.name == "classes")
    tally = AreaCounter(plan.card.legend, output_grid(plan))
    with ThreadPoolExecutor(max_workers=1) as beside:  # one core compresses rasters while the other traces roads
        rasters = beside.submit(_write_rasters, plan, pieces, files, mosaics)
        tally.count(read_rows(classes))
        roads = _write_roads(plan, pieces, files, mosaics)
        rasters.result()
    if not tally.pixels.any():
        where = "anywhere" if plan.aoi is None else "in the area of interest"
        raise SceneError(f"{plan.scene.source} has no data {where}: every pixel is masked or nodata.")
    files.publish(pieces, overwrite=overwrite)
    return Prediction(source=plan.scene.source, outputs=files, areas=tally.areas(), roads=roads)


def _write_roads(plan: Plan, pieces: Journal, files: Outputs, mosaics: dict[Layer, Path]) -> RoadTotals | None:
    """Trace the roads from their probability, if requested."""
    if files.road_style is None or plan.road is None:
        return None
    probabilities = [mosaic for layer, mosaic in mosaics.items() if layer.name == "probabilities"]
    if probabilities:
        opened = road_raster(probabilities[0], band=plan.road + 1, probability=True)
    else:
        opened = road_raster(assemble(plan, pieces, ROAD), probability=True)
    with opened as raster:
        network = trace_network(raster.read, raster.grid.shape.yx, raster.grid.transform, crs_of(raster.grid))
    road_layers = network.layers()
    pieces.making(files.road_style).write_text(road_layers[0].style)
    for name, path in files.roads.items():
        write_layers(road_layers, pieces.making(path), name)
    return RoadTotals(count=len(network), length_km=network.length_km)


def _write_rasters(plan: Plan, pieces: Journal, files: Outputs, mosaics: dict[Layer, Path]) -> None:
    """Write the requested rasters, on the grid or on the scene's pixels, and the style of the classes."""
    targets = {"classes": files.classes, "confidence": files.confidence, "probabilities": files.probabilities}
    with rasterio.Env(**GDAL):
        for layer, mosaic in mosaics.items():
            target = targets[layer.name]
            if target is None:
                raise ValueError(f"layer {layer.name} was not requested.")
            if plan.settings.match_input:
                mosaic = match_scene(plan, layer, mosaic)  # noqa: PLW2901
            write_cog(mosaic, pieces.making(target), layer)
    pieces.making(files.style).write_text(class_style(plan.card.legend))
