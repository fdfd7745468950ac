"""Tasks of a cluster's workers: predict blocks, trace roads, choose a runtime."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import rasterio

from geoseg.errors import GeosegWarning, OutputError
from geoseg.models.engines.hardware import shared_cores
from geoseg.models.engines.runtime import Runtime
from geoseg.prediction.areas import AreaCounter, StripCounts, count_strips
from geoseg.prediction.jobs import Finished, Job, run_block
from geoseg.prediction.layers import predicted_grid
from geoseg.prediction.settings import Settings
from geoseg.prediction.timings import StageTime, Timings
from geoseg.rasters.opening.open import GDAL
from geoseg.roads.arrays import Bytes
from geoseg.roads.coarsening import coarsen
from geoseg.roads.skeleton.block import trace_block, window_of
from geoseg.roads.skeleton.pieces import Pieces
from geoseg.roads.trace import Tracing
from geoseg.tiling import Carried, Roi
from geoseg.version import __version__

from .pieces import PieceGrid
from .trouble import with_sendable_errors
from .versions import another_version

R = TypeVar("R")

_ONE_BLOCK = Lock()
"""Blocks of a worker run one after the other: its cores share each, and the next one uses scores of the last."""


class _Left:
    """Scores that the last block of this process has left for the one below it."""

    def __init__(self) -> None:
        self._of: tuple[Path, int, int] | None = None
        self._carried: Carried = {}

    def take(self, job: Job) -> Carried:
        """Return the scores left for a block of the same columns, if any."""
        cols = job.block[1]
        of = job.journal.folder, cols.start, cols.stop
        if of != self._of:
            self._of, self._carried = of, {}
        # Scores for other places would only take memory.
        first = job.plan.lattice.rows.touching(job.block[0].start, job.block[0].stop).start + 1
        self._carried = {row: strip for row, strip in self._carried.items() if row == first}
        return self._carried


_LEFT = _Left()


@dataclass(frozen=True, kw_only=True, eq=False)
class Predicted:
    """A block that the journal holds, in numbers."""

    block: Roi
    counts: StripCounts
    """Its pixels of each entry of the legend, as `count_strips` returns them."""
    stages: dict[str, StageTime]
    seconds: float
    warnings: tuple[str, ...]


def run_task(version: str, task: Callable[..., R], *arguments: Any) -> R:  # noqa: ANN401 - of the task
    """Run a task within the cores of this worker; raises UsageError if the client runs another version of geoseg."""
    from distributed import get_worker

    with shared_cores(get_worker().state.nthreads), rasterio.Env(**GDAL):
        if version != __version__:
            raise another_version(get_worker().address, __version__, version)
        return with_sendable_errors(task, *arguments)


def predict_block(shared: Job, block: Roi) -> Predicted:
    """Predict the part of a block that the journal lacks.

    `shared` is what all blocks have in common, sent once to each worker; its model is a file that `Bundle` has written.
    """
    from distributed import get_worker

    job = replace(shared, block=block, model=Path(get_worker().local_directory) / shared.model)
    if not job.journal.parts.seen:
        raise OutputError(
            f"the Dask worker at {get_worker().address} does not see {job.journal.work.parent}; choose a folder that "
            "this process and all workers share, or an object store with `parts`."
        )
    clock, plan = Timings(), job.plan
    with _ONE_BLOCK, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GeosegWarning)
        counter, before = AreaCounter(plan.legend, predicted_grid(plan)), clock.wall_s
        for finished in run_block(job, clock, _LEFT.take(job)):
            _count(job, finished, counter)
        seconds = clock.wall_s - before
    return Predicted(
        block=block,
        counts=counter.strips(block[0].start - plan.roi[0].start, block[0].stop - plan.roi[0].start),
        stages=clock.stages(),
        seconds=seconds,
        warnings=tuple(str(each.message) for each in caught if issubclass(each.category, GeosegWarning)),
    )


def _count(job: Job, finished: Finished, counter: AreaCounter) -> None:
    """Count the classes of a piece in memory, or of several in the journal."""
    if finished.rows is not None:
        classes = finished.rows.classes
    else:
        classes = PieceGrid.of(replace(job.plan, blocks=(job.block,)), job.journal).read("classes", finished.region)
    top = finished.region[0].start - job.plan.roi[0].start
    counter.add(top, count_strips(classes, top, len(job.plan.legend.entries)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """Arguments that all blocks of the road tracer share, sent once to each worker."""

    pieces: PieceGrid
    layer: str
    """Of the work layers, the one with the probability of road."""
    band: int
    origin: tuple[int, int]
    """First row and column of the result on the grid."""
    tracing: Tracing


def trace(shared: Trace, rows: slice, cols: slice) -> Pieces:
    """Trace one block of the tracer's grid, whose window is finished."""
    top, left = shared.origin
    tracing = shared.tracing

    def read(down: slice, across: slice) -> Bytes:
        region = slice(down.start + top, down.stop + top), slice(across.start + left, across.stop + left)
        return shared.pieces.read(shared.layer, region, shared.band)

    levels = coarsen(read, tracing.shape, tracing.factor)(*window_of(rows, cols, tracing.grid))
    return trace_block(levels, rows, cols, tracing.grid)


def keep(value: R) -> R:
    """Keep a value on the cluster, which sends it once to each worker, and makes it again if one with it is lost."""
    return value


def choose(settings: Settings) -> tuple[Runtime, list[str]]:
    """Choose what runs the network; also return the texts of warnings, which nobody would see on a worker."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runtime = settings.choose_runtime()
    return runtime, [str(each.message) for each in caught if issubclass(each.category, GeosegWarning)]
