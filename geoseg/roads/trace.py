"""Trace the road network of a raster, block by block."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock
from typing import Any

import pyproj
from rasterio import Affine

from geoseg.roads.graph.chains import Chains, splice
from geoseg.roads.graph.gaps import close_gaps
from geoseg.roads.graph.graph import Graph, build_graph, dissolve
from geoseg.roads.graph.islands import close_islands
from geoseg.roads.graph.junctions import centre_junctions, merge_junctions
from geoseg.roads.graph.pruning import drop_faint, drop_spurs
from geoseg.roads.skeleton.block import trace_block
from geoseg.roads.skeleton.grid_settings import GridSettings, grid_settings
from geoseg.roads.skeleton.pieces import Pieces
from geoseg.tiling.progress import Progress, no_progress

from .arrays import Bytes, Read
from .centrelines import assemble_network
from .coarsening import coarsen, coarsening_factor
from .network import RoadNetwork
from .placement import Placement
from .settings import RoadSettings


def trace_network(
    read: Read,
    shape: tuple[int, int],
    transform: Affine,
    crs: Any,  # noqa: ANN401 - anything pyproj reads
    settings: RoadSettings | None = None,
    *,
    block: int = 2048,
    workers: int = 1,
    progress: Progress = no_progress,
) -> RoadNetwork:
    """Trace the roads of a grid from its probabilities; a mask is 0 and 254.

    `read` is called from one thread at a time. `transform` is any invertible affine from (column, row) to x and y.
    Neither `block`, in pixels, nor the number of `workers` affects the result. `progress` counts pixels.
    """
    settings = settings or RoadSettings()
    placement = Placement(transform=transform, crs=pyproj.CRS.from_user_input(crs))
    factor = coarsening_factor(_grid_settings(placement, shape, settings).pixel_m)
    if factor > 1:
        read, shape, transform = coarsen(read, shape, transform, factor)
        placement = replace(placement, transform=transform)
    grid = _grid_settings(placement, shape, settings)
    chains = splice(_trace_blocks(read, grid, block, workers, progress), shape[1])
    return assemble_network(tidy(build_graph(chains, grid), chains, read, grid), chains, placement, grid)


def _grid_settings(placement: Placement, shape: tuple[int, int], settings: RoadSettings) -> GridSettings:
    return grid_settings(shape, placement.metric(shape[1] / 2, shape[0] / 2), settings)


def _trace_blocks(read: Read, grid: GridSettings, side: int, workers: int, progress: Progress) -> Iterator[Pieces]:
    height, width = grid.shape
    blocks = [
        (slice(top, min(top + side, height)), slice(left, min(left + side, width)))
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]
    lock = Lock()

    def read_alone(rows: slice, cols: slice) -> Bytes:
        with lock:
            return read(rows, cols)

    def trace(block: tuple[slice, slice]) -> Pieces:
        return trace_block(read_alone, *block, grid)

    done = 0
    with ThreadPoolExecutor(workers) as pool:
        traced = map(trace, blocks) if workers == 1 else pool.map(trace, blocks)
        for (rows, cols), pieces in zip(blocks, traced, strict=True):
            yield pieces
            done += (rows.stop - rows.start) * (cols.stop - cols.start)
            progress(done, height * width, "")


def tidy(graph: Graph, chains: Chains, read: Read, grid: GridSettings) -> Graph:
    """Turn the graph of a skeleton into a graph of roads; each step relies on the one before."""
    least_m = grid.settings.min_spur_m
    graph = drop_spurs(graph, least_m)
    graph = drop_spurs(merge_junctions(graph, chains, grid), least_m)
    graph = drop_spurs(close_islands(graph, chains, grid), least_m)
    graph = centre_junctions(graph, chains, grid)
    graph = drop_faint(drop_spurs(merge_junctions(graph, chains, grid), least_m), chains, grid)
    graph = dissolve(close_gaps(graph, chains, read, grid))
    return drop_spurs(close_islands(graph, chains, grid), least_m)
