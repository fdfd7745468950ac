"""Trace the road network of a raster, block by block."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pyproj
from rasterio import Affine

from geoseg.roads.graph.chains import Chains, splice
from geoseg.roads.graph.gaps import close_gaps
from geoseg.roads.graph.graph import Graph, build_graph, dissolve
from geoseg.roads.graph.islands import close_islands
from geoseg.roads.graph.junctions import centre_junctions, merge_junctions
from geoseg.roads.graph.pruning import drop_faint, drop_spurs
from geoseg.roads.skeleton.block import trace_block, window_of
from geoseg.roads.skeleton.grid_settings import GridSettings, grid_settings
from geoseg.roads.skeleton.pieces import Pieces, empty_pieces
from geoseg.threads import Tasks
from geoseg.tiling.progress import Progress, no_progress

from .arrays import Bytes, Read
from .centrelines import assemble_network
from .coarsening import coarsen, coarsen_rows, coarsening_factor
from .network import RoadNetwork
from .placement import Placement
from .rolling_rows import RollingRows
from .settings import BLOCK, RoadSettings


@dataclass(frozen=True, kw_only=True, eq=False)
class Tracing:
    """What the tracer derives from a raster's grid, before it sees a pixel."""

    shape: tuple[int, int]
    """Height and width of the raster."""
    factor: int
    """Side of the square of pixels averaged into one."""
    grid: GridSettings
    """Grid of the averaged pixels."""
    placement: Placement


def plan_tracing(
    shape: tuple[int, int],
    transform: Affine,
    crs: Any,  # noqa: ANN401 - anything pyproj reads
    settings: RoadSettings | None = None,
) -> Tracing:
    """Derive the grid to trace; `transform` is any invertible affine from (column, row) to x and y."""
    settings = settings or RoadSettings()
    placement = Placement(transform=transform, crs=pyproj.CRS.from_user_input(crs))
    factor = coarsening_factor(_grid_settings(placement, shape, settings).pixel_m)
    placement = replace(placement, transform=transform @ Affine.scale(factor))
    traced = math.ceil(shape[0] / factor), math.ceil(shape[1] / factor)
    return Tracing(shape=shape, factor=factor, grid=_grid_settings(placement, traced, settings), placement=placement)


def trace_network(
    read: Read,
    shape: tuple[int, int],
    transform: Affine,
    crs: Any,  # noqa: ANN401 - anything pyproj reads
    settings: RoadSettings | None = None,
    *,
    block: int = BLOCK,
    workers: int = 1,
    executor: Tasks | None = None,
    progress: Progress = no_progress,
) -> RoadNetwork:
    """Trace the roads of a grid from its probabilities; a mask is 0 and 254.

    `read` is called from the calling thread. `transform` is any invertible affine from (column, row) to x and y.
    Neither `block`, in pixels, nor the number of `workers`, threads of this process, nor an `executor` in their place
    affects the result. `progress` counts pixels.
    """
    tracing = plan_tracing(shape, transform, crs, settings)
    coarse = coarsen(read, shape, tracing.factor)
    with ThreadPoolExecutor(workers, "trace") as pool:
        begin, at_once = (pool.submit, workers) if executor is None else (executor.submit, executor.workers)
        blocks = _trace_blocks(coarse, tracing.grid, block, begin, at_once, progress)
        chains = splice(blocks, tracing.grid.shape[1])
    return finish_network(tracing, chains, read)


def trace_rows(tracing: Tracing, parts: Iterable[Bytes], *, block: int = BLOCK, workers: int = 1) -> Chains:
    """Trace the skeleton of a raster whose rows `(rows, columns)` arrive in parts, from top to bottom.

    Rows are held as long as blocks need them: those of a block and its halo, and of a part.
    """
    rows = RollingRows(coarsen_rows(parts, tracing.factor))
    with ThreadPoolExecutor(workers, "trace") as pool:
        blocks = _trace_blocks(
            rows.read, tracing.grid, block, pool.submit, workers, no_progress, are_nodata=rows.are_nodata
        )
        return splice(blocks, tracing.grid.shape[1])


def finish_network(tracing: Tracing, chains: Chains, read: Read) -> RoadNetwork:
    """Turn the skeleton of a raster into its network; `read` is called along gaps between roads."""
    read = coarsen(read, tracing.shape, tracing.factor)
    graph = tidy(build_graph(chains, tracing.grid), chains, read, tracing.grid)
    return assemble_network(graph, chains, tracing.placement, tracing.grid)


def _grid_settings(placement: Placement, shape: tuple[int, int], settings: RoadSettings) -> GridSettings:
    return grid_settings(shape, placement.metric(shape[1] / 2, shape[0] / 2), settings)


def _trace_blocks(  # noqa: PLR0917 - plain arguments of one caller
    read: Read,
    grid: GridSettings,
    side: int,
    begin: Callable[..., Future[Pieces]],
    at_once: int,
    progress: Progress,
    are_nodata: Callable[[slice], bool] = lambda _: False,
) -> Iterator[Pieces]:
    """Read the windows of blocks in order, and begin to trace them; the first pieces are empty.

    One block waits besides those that are traced `at_once`.

    Blocks in whole rows of which `are_nodata` says so are left out.
    """
    height, width = grid.shape
    done = 0
    waiting: deque[tuple[int, Future[Pieces]]] = deque()

    def traced(still: int) -> Iterator[Pieces]:
        """Yield blocks in order until some are waiting."""
        nonlocal done
        while len(waiting) > still:
            pixels, pieces = waiting.popleft()
            yield pieces.result()
            done += pixels
            progress(done, height * width, "")

    yield empty_pieces()
    for top in range(0, height, side):
        rows = slice(top, min(top + side, height))
        if are_nodata(window_of(rows, slice(0, width), grid)[0]):
            done += (rows.stop - rows.start) * width
            continue
        for left in range(0, width, side):
            cols = slice(left, min(left + side, width))
            levels = read(*window_of(rows, cols, grid))
            pixels = (rows.stop - rows.start) * (cols.stop - cols.start)
            waiting.append((pixels, begin(trace_block, levels, rows, cols, grid)))
            del levels  # the block alone keeps its window alive
            yield from traced(at_once)
    yield from traced(0)


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
