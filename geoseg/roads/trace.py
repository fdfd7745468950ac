"""Trace the road network of a raster, block by block."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

from rasterio import Affine

from geoseg.roads.graph.chains import Chains, splice
from geoseg.roads.graph.gaps import close_gaps
from geoseg.roads.graph.graph import Graph, dissolve, graph_of
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
from .placement import Placement, placement_of
from .settings import RoadSettings


def trace_network(
    read: Read,
    shape: tuple[int, int],
    transform: Affine,
    crs: Any,  # noqa: ANN401 - whatever pyproj or rasterio calls a CRS
    settings: RoadSettings | None = None,
    *,
    block: int = 2048,
    workers: int = 1,
    progress: Progress = no_progress,
) -> RoadNetwork:
    """Trace the roads of a raster.

    Parameters
    ----------
    read
        Returns the road probability of a window of the grid `(rows, columns)` in `LEVELS`, 255 for nodata; of a mask,
        0 and 254. Called from one thread at a time.
    shape
        Height and width of the grid.
    transform
        From (column, row) to x and y, integers at pixel corners; any invertible affine.
    crs
        The grid's CRS.
    settings
        Choices of the tracer.
    block
        Rows and columns of a block: affects time and memory, not the result.
    workers
        Threads that trace blocks; they do not affect the result.
    progress
        Called after each block with the number of pixels traced and the total.
    """
    settings = settings or RoadSettings()
    placement = placement_of(transform, crs)
    factor = coarsening_factor(_grid_settings(placement, shape, settings).pixel_m)
    if factor > 1:
        read, shape, transform = coarsen(read, shape, transform, factor)
        placement = placement_of(transform, crs)
    grid = _grid_settings(placement, shape, settings)
    chains = splice(_blocks(read, grid, block, workers, progress), shape[1])
    return assemble_network(tidy(graph_of(chains, grid), chains, read, grid), chains, placement, grid)


def _grid_settings(placement: Placement, shape: tuple[int, int], settings: RoadSettings) -> GridSettings:
    return grid_settings(shape, placement.metric(shape[1] / 2, shape[0] / 2), settings)


def _blocks(read: Read, grid: GridSettings, side: int, workers: int, progress: Progress) -> Iterator[Pieces]:
    height, width = grid.shape
    parts = [
        (slice(top, min(top + side, height)), slice(left, min(left + side, width)))
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]
    done = 0
    for (rows, cols), pieces in zip(parts, _pieces(read, parts, grid, workers), strict=True):
        yield pieces
        done += (rows.stop - rows.start) * (cols.stop - cols.start)
        progress(done, height * width, "")


def _pieces(read: Read, parts: list[tuple[slice, slice]], grid: GridSettings, workers: int) -> Iterator[Pieces]:
    if workers == 1:
        for rows, cols in parts:
            yield trace_block(read, rows, cols, grid)
        return
    one_at_a_time = Lock()

    def locked(rows: slice, cols: slice) -> Bytes:
        with one_at_a_time:
            return read(rows, cols)

    with ThreadPoolExecutor(max_workers=workers) as pool:
        yield from pool.map(lambda part: trace_block(locked, part[0], part[1], grid), parts)


def tidy(graph: Graph, chains: Chains, read: Read, grid: GridSettings) -> Graph:
    """Turn the graph of a skeleton into that of the roads; each step builds on the one before."""
    least_m = grid.settings.min_spur_m
    graph = drop_spurs(graph, least_m)
    graph = drop_spurs(merge_junctions(graph, chains, grid), least_m)
    graph = drop_spurs(close_islands(graph, chains, grid), least_m)
    graph = centre_junctions(graph, chains, grid)
    graph = drop_faint(drop_spurs(merge_junctions(graph, chains, grid), least_m), chains, grid)
    graph = dissolve(close_gaps(graph, chains, read, grid))
    return drop_spurs(close_islands(graph, chains, grid), least_m)
