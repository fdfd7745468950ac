"""Write the roads of a result, traced from its probabilities, where a job runs."""

import math
from collections.abc import Mapping
from pathlib import Path

import rasterio

from geoseg.models.engines.hardware import free_heap
from geoseg.prediction.finishing import Finishing
from geoseg.prediction.journal import Journal
from geoseg.prediction.layers import Layer, road_band
from geoseg.prediction.outputs import Outputs
from geoseg.prediction.plan import Plan
from geoseg.prediction.report import road_picture, write_road_picture
from geoseg.prediction.storage.parts import apart
from geoseg.rasters.opening.open import GDAL
from geoseg.roads import road_raster
from geoseg.roads.graph.chains import Chains, splice
from geoseg.roads.network import RoadTotals
from geoseg.roads.skeleton.pieces import Pieces
from geoseg.roads.trace import Tracing, finish_network
from geoseg.vectors.write import write_layers

from .rasters import Submit


def write_roads(  # noqa: PLR0917 - as `_write`
    plan: Plan, journal: Journal, files: Outputs, finisher: Finishing, submit: Submit, mosaics: Mapping[Layer, Path]
) -> RoadTotals | None:
    """Wait for the skeleton of roads and write their network; None if no roads were traced."""
    if files.road_style is None or finisher.tracing is None:
        return None
    mosaic = next(path for layer, path in mosaics.items() if layer.name == road_band(plan)[0])
    skeleton = finisher.skeleton()
    with finisher.clock.busy("roads"):
        task = submit(_write, plan, journal, files, finisher.tracing, skeleton, mosaic.name)
        roads, made = task.result()
        journal.parts.bring(made, journal.folder)
    return roads


def _write(  # noqa: PLR0917 - a task has positional arguments
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
