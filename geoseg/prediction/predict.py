"""Predict a scene: from a raster to a class raster and a road network on disk."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox

from geoseg.errors import BundleError, OutputError, SceneError
from geoseg.models.bundle import read_card
from geoseg.models.legend import NODATA, Legend
from geoseg.models.shipped import DEFAULT_MODEL, find_model
from geoseg.rasters.ground import crs_of, ground_area
from geoseg.rasters.scene import GDAL, legible, on_disk, open_scene
from geoseg.roads import road_raster, trace_roads, write_roads
from geoseg.roads.styles import edge_style
from geoseg.vectors.qgis import class_style

from .executors import Executor, Job, Loader, LocalExecutor, load_keras
from .journal import Journal, journal
from .layers import ROAD, Layer, layers, output_grid, read_rows, write_cog
from .mosaic import assemble, match_scene
from .outputs import Outputs, outputs
from .plan import Plan, plan
from .settings import Settings

Progress = Callable[[int, int], None]
"""Told, whenever rows are finished, how many pixels of the grid are, and of how many."""


@dataclass(frozen=True, kw_only=True)
class ClassArea:
    """How much of a scene a class covers."""

    name: str
    share: float
    """Of the pixels that have data, 0 to 1."""
    area_m2: float
    """On the ground."""


@dataclass(frozen=True, kw_only=True)
class RoadTotals:
    """How much of a road network there is."""

    count: int
    """Edges."""
    length_km: float
    """Geodesic length of all edges."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The files of a finished prediction, and what is in them."""

    scene: str
    outputs: Outputs
    areas: tuple[ClassArea, ...]
    """In the order of the legend."""
    roads: RoadTotals | None
    """Count and length of the road network; None where none was traced."""


def predict(
    scene: str | Path,
    *,
    model: str | Path = DEFAULT_MODEL,
    folder: str | Path = ".",
    overwrite: bool = False,
    executor: Executor | None = None,
    load: Loader = load_keras,
    progress: Progress = lambda done, total: None,
    **choices: Any,  # noqa: ANN401 - fields of Settings
) -> Prediction:
    """Predict the classes and roads of a scene, and write them to `folder`.

    Parameters
    ----------
    scene
        Raster file, VRT or URL that GDAL opens.
    model
        Name of a shipped model, or path of a bundle.
    folder
        Where the results go; made if need be.
    overwrite
        Replace results that exist.
    executor
        What runs the blocks: `LocalExecutor()` by default, or `DaskExecutor(client=…)`.
    load
        What makes an engine from a bundle; Keras by default.
    progress
        Called whenever rows are finished.
    **choices
        Fields of `Settings`.

    Raises
    ------
    SceneError, BundleError, OutputError, UsageError
        Each a sentence on what was found, what was expected, and what to do.
    """
    executor = executor or LocalExecutor()
    # Workers of a cluster have working folders of their own.
    bundle, target = find_model(model).absolute(), Path(folder).absolute()
    source = str(Path(scene).absolute()) if on_disk(scene) else str(scene)
    if legible(str(target)) != str(target):
        raise OutputError(f"{legible(str(target))} has a name that is not UTF-8, which GDAL needs; choose another.")
    with rasterio.Env(**GDAL):
        planned = plan(open_scene(source), read_card(bundle), Settings(**choices), workers=executor.workers)
        files = outputs(planned, target)
        pieces = journal(target / f".{planned.scene.stem}.geoseg", planned, bundle)
        files.refuse_places(pieces)
        if not (overwrite or pieces.publishing):
            files.refuse_existing()
        with pieces.held():
            try:
                _run(planned, bundle, pieces, executor=executor, load=load, progress=progress)
                prediction = _finish(planned, pieces, files, overwrite=overwrite)
            except (SceneError, BundleError):
                # A file stays unreadable; a server may answer the next time.
                if on_disk(source):
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
        progress(done, total)


def _finish(plan: Plan, pieces: Journal, files: Outputs, *, overwrite: bool) -> Prediction:
    """Make every file in the work folder, then publish them all."""
    mosaics = {layer: assemble(plan, pieces, layer) for layer in layers(plan)}
    (classes,) = (mosaic for layer, mosaic in mosaics.items() if layer.name == "classes")
    tally = Tally(plan.card.legend, output_grid(plan))
    with ThreadPoolExecutor(max_workers=1) as beside:  # one core compresses rasters while the other traces roads
        rasters = beside.submit(_write_rasters, plan, pieces, files, mosaics)
        tally.count(read_rows(classes))
        roads = _write_roads(plan, pieces, files, mosaics)
        rasters.result()
    if not tally.pixels.any():
        where = "anywhere" if plan.aoi is None else "in the area of interest"
        raise SceneError(f"{plan.scene.source} has no data {where}: all of it is masked or nodata.")
    files.publish(pieces, overwrite=overwrite)
    return Prediction(scene=plan.scene.source, outputs=files, areas=tally.areas(), roads=roads)


def _write_roads(plan: Plan, pieces: Journal, files: Outputs, mosaics: dict[Layer, Path]) -> RoadTotals | None:
    """Trace the roads, if they are asked for, from their probability."""
    if files.road_style is None or plan.road is None:
        return None
    probabilities = [mosaic for layer, mosaic in mosaics.items() if layer.name == "probabilities"]
    if probabilities:
        opened = road_raster(probabilities[0], band=plan.road + 1, probability=True)
    else:
        opened = road_raster(assemble(plan, pieces, ROAD), probability=True)
    with opened as raster:
        network = trace_roads(raster.read, raster.grid.shape.yx, raster.grid.transform, crs_of(raster.grid))
    pieces.making(files.road_style).write_text(edge_style())
    for name, path in files.roads.items():
        write_roads(network, pieces.making(path), name)
    return RoadTotals(count=len(network), length_km=network.length_km)


def _write_rasters(plan: Plan, pieces: Journal, files: Outputs, mosaics: dict[Layer, Path]) -> None:
    """Write the rasters that are asked for, on the grid or on the scene's own pixels, and the style of the classes."""
    targets = {"classes": files.classes, "confidence": files.confidence, "probabilities": files.probabilities}
    with rasterio.Env(**GDAL):
        for layer, mosaic in mosaics.items():
            target = targets[layer.name]
            if target is None:
                raise ValueError(f"layer {layer.name} was made but not asked for.")
            if plan.settings.match_input:
                mosaic = match_scene(plan, layer, mosaic)  # noqa: PLW2901
            write_cog(mosaic, pieces.making(target), layer)
    pieces.making(files.style).write_text(class_style(plan.card.legend))


class Tally:
    """Counts pixels and ground area of each class of a class raster, strip by strip."""

    def __init__(self, legend: Legend, grid: GeoBox) -> None:
        self._legend = legend
        self._grid = grid
        self.pixels: npt.NDArray[np.int64] = np.zeros(len(legend), np.int64)
        """Pixels of each class so far."""
        self._area_m2 = np.zeros(len(legend))

    def count(self, strips: Iterable[npt.NDArray[np.uint8]]) -> None:
        """Count all strips of the raster; a pixel has the ground area that it has in the middle of its strip."""
        top = 0
        for strip in strips:
            counts = np.bincount(strip.ravel(), minlength=NODATA + 1)[: len(self._legend)]
            self.pixels += counts
            self._area_m2 += counts * ground_area(self._grid[top : top + len(strip), :])
            top += len(strip)

    def areas(self) -> tuple[ClassArea, ...]:
        """Share and area of each class."""
        shares = self.pixels / max(int(self.pixels.sum()), 1)
        return tuple(
            ClassArea(name=name, share=float(share), area_m2=float(area))
            for name, share, area in zip(self._legend.names, shares, self._area_m2, strict=True)
        )
