"""Finish rows while those below are predicted: work rasters, areas of classes, and the skeleton of roads."""

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from threading import Event, Semaphore
from types import TracebackType
from typing import Any, Protocol, Self

import rasterio

from geoseg.compilation import Compilation
from geoseg.rasters.ground import crs_of
from geoseg.rasters.opening.open import GDAL
from geoseg.roads import prepare_tracer
from geoseg.roads.arrays import Bytes
from geoseg.roads.graph.chains import Chains
from geoseg.roads.trace import Tracing, plan_tracing, trace_rows
from geoseg.tiling import Background, Stopped, concatenate, is_repeated

from .areas import AreaCounter, count_strips
from .jobs import Finished
from .journal import Journal, pieces
from .layers import Layer, predicted_grid, road_band, work_layers
from .memory import HELD, QUEUED, count_tracers, traced_block
from .mosaic import Values, WorkRaster, only_source, write_vrt
from .plan import Plan
from .rows import Rows
from .timings import Timings


@dataclass(frozen=True, kw_only=True, eq=False)
class _Band:
    """A row of pieces over the full width."""

    rows: slice
    cols: tuple[slice, ...]
    missing: set[int]
    """First columns of the pieces that are not finished."""
    held: dict[int, Rows] = field(default_factory=dict)
    """Pieces in memory, by first column."""


class Finishing(Protocol):
    """Takes the regions that an executor finishes, in any order, within a `with` block; see `Finisher`."""

    areas: AreaCounter
    tracing: Tracing | None
    """None if no roads are traced."""
    clock: Timings

    @property
    def compiling(self) -> bool:
        """Whether the road tracer is being compiled, which happens once on a machine."""

    def add(self, finished: Finished) -> None:
        """Record finished pieces; raises errors of work begun with earlier ones."""

    def mosaics(self) -> dict[Layer, Path]:
        """Return a VRT for each layer, once all rows are finished."""

    def skeleton(self) -> Any:  # noqa: ANN401 - a task's argument: a cluster resolves it where the task runs
        """Return the skeleton of roads: `Chains`, or a list of the `Pieces` of all blocks."""

    def stop(self) -> None:
        """Make `check` raise, without waiting for work in progress."""

    def check(self) -> None:
        """Raise `Stopped` after `stop`."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Finisher:
    """Takes what an executor finishes, in any order, and assembles it from top to bottom in a thread of its own.

    Another thread traces roads. Both run within a `with` block. Memory is some pieces and strips over the full width,
    regardless of height: at most `HELD` + `QUEUED` pieces, a strip of each work raster, and the rows of a block of the
    road tracer with its halo.
    """

    def __init__(self, plan: Plan, journal: Journal, clock: Timings) -> None:
        self._plan, self._journal, self.clock = plan, journal, clock
        self._waiting = deque(_bands(plan))
        self._room = Semaphore(HELD)
        self._stopped = Event()
        self.areas = AreaCounter(plan.legend, predicted_grid(plan))
        self.tracing: Tracing | None = plan_roads(plan)
        # Bands are never waited for: few of them hold pieces.
        self._assembling: Background[_Band, dict[Layer, Path]] = Background(
            self._assemble, depth=len(self._waiting) + 1, name="assemble"
        )
        self._compilation: Compilation | None = None
        self._skeleton: Background[Bytes, Chains] | None = None
        if self.tracing is not None:
            self._skeleton = Background(partial(self._trace, self.tracing), depth=QUEUED, name="trace")

    @property
    def compiling(self) -> bool:
        """Whether the road tracer is being compiled, which happens once on a machine."""
        return self._compilation is not None and self._compilation.needed

    def add(self, finished: Finished) -> None:
        """Record finished pieces, without waiting for the threads; raises their errors unchanged."""
        rows, cols = finished.region
        for band in self._waiting:
            if band.rows.start >= rows.stop:
                break  # scenes may have thousands
            if band.rows.start >= rows.start:
                band.missing.discard(cols.start)
        # Pieces further down may wait for long, and are read from the journal later.
        first = self._waiting[0]
        if finished.rows is not None and first.rows == rows and self._room.acquire(blocking=False):
            first.held[cols.start] = finished.rows
        while self._waiting and not self._waiting[0].missing:
            self._assembling.put(self._waiting.popleft())

    def mosaics(self) -> dict[Layer, Path]:
        """Wait until all rows are assembled; returns a VRT for each layer. Roads may still be traced."""
        if self._waiting:
            raise ValueError(f"Rows {self._waiting[0].rows} were not finished.")
        return self._assembling.result()

    def skeleton(self) -> Chains:
        """Wait for the skeleton of roads."""
        if self._skeleton is None:
            raise ValueError("Roads were not requested.")
        return self._skeleton.result()

    def stop(self) -> None:
        """Make both threads stop and `check` raise, without waiting for them."""
        self._stopped.set()
        for thread in (self._skeleton, self._assembling):
            if thread is not None:
                thread.stop()

    def check(self) -> None:
        """Raise `Stopped` after `stop`."""
        if self._stopped.is_set():
            raise Stopped("The prediction was interrupted.")

    def _assemble(self, bands: Iterator[_Band]) -> dict[Layer, Path]:
        """Append bands to the work raster of each layer, count their classes, and pass their roads on."""
        place = predicted_grid(self._plan)
        layers = {layer: self._journal.folder / f"whole_{layer.name}.tif" for layer in work_layers(self._plan)}
        with self.clock.busy("assemble"), rasterio.Env(**GDAL), ExitStack() as stack:
            rasters = {layer: stack.enter_context(WorkRaster(layer, path, place)) for layer, path in layers.items()}
            for band in self.clock.awaiting("assemble", bands):
                for layer, raster in rasters.items():
                    values = _read(self._journal, band, layer)
                    raster.append(values)
                    if layer.name == "classes":
                        self._count(values[0], band)
                    self._pass_on_road(layer, values)
                while band.held:
                    band.held.popitem()
                    self._room.release()
        plan = self._journal.as_run(self._plan)
        return {layer: write_vrt(plan, layer, only_source(path, place), place) for layer, path in layers.items()}

    def _count(self, classes: Bytes, band: _Band) -> None:
        """Count the classes of a band."""
        top = band.rows.start - self._plan.roi[0].start
        self.areas.add(top, count_strips(classes, top, len(self._plan.legend.entries)))

    def _pass_on_road(self, layer: Layer, values: Values) -> None:
        """Pass rows of a layer on to the tracer, if it holds the probability of road and roads are traced."""
        name, number = road_band(self._plan)
        if self._skeleton is None or layer.name != name:
            return
        road = values[number - 1]
        if len(values) > 1 and not is_repeated(road):
            road = road.copy()  # to free the other bands
        with self.clock.waiting("assemble"):
            self._skeleton.put(road)

    def _trace(self, tracing: Tracing, rows: Iterator[Bytes]) -> Chains:
        """Trace the skeleton of roads from rows as they come."""
        width = predicted_grid(self._plan).shape[1]
        if self._compilation is not None and self._compilation.needed:
            with self.clock.busy("compile"):
                self._compilation.wait()
        with self.clock.busy("trace"):
            arriving = self.clock.awaiting("trace", rows)
            return trace_rows(tracing, arriving, block=traced_block(width), workers=count_tracers(width))

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.push(self)  # if one thread does not start, the other ends
            if self._skeleton is not None:
                self._compilation = prepare_tracer()
                self._skeleton.__enter__()
            self._assembling.__enter__()
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # First what the tracer waits for, then the tracer: the other thread may wait for it.
        if self._compilation is not None:
            self._compilation.close()
        if self._skeleton is not None:
            self._skeleton.__exit__(kind, error, traceback)
        self._assembling.__exit__(kind, error, traceback)


def _bands(plan: Plan) -> Iterator[_Band]:
    """Yield all bands from top to bottom."""
    in_rows = sorted(plan.blocks, key=lambda block: (block[0].start, block[1].start))
    for _, blocks in groupby(in_rows, key=lambda block: block[0].start):
        beside = list(blocks)
        cols = tuple(block[1] for block in beside)
        for rows in pieces(plan, beside[0]):
            yield _Band(rows=rows, cols=cols, missing={part.start for part in cols})


def _read(journal: Journal, band: _Band, layer: Layer) -> Values:
    """Return the rows `(bands, rows, columns)` of a layer, from memory or else from the journal."""
    parts = []
    for cols in band.cols:
        if cols.start in band.held:
            values = getattr(band.held[cols.start], layer.name)
            parts.append(values if values.ndim == 3 else values[None])
        else:
            parts.append(journal.read(layer.name, len(layer.bands), band.rows, cols))
    return parts[0] if len(parts) == 1 else concatenate(parts, axis=2)


def plan_roads(plan: Plan) -> Tracing | None:
    """Plan to trace the roads of a result; None if they are not requested."""
    place = predicted_grid(plan)
    return None if plan.road is None else plan_tracing(place.shape.yx, place.transform, crs_of(place))
