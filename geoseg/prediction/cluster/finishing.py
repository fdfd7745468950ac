"""Finish a plan on a cluster: roads are traced by its workers, and pieces are read where they are needed."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import product
from math import prod
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from geoseg.prediction.areas import AreaCounter
from geoseg.prediction.finishing import plan_roads
from geoseg.prediction.jobs import Finished
from geoseg.prediction.journal import Journal
from geoseg.prediction.layers import Layer, predicted_grid, road_band, work_layers
from geoseg.prediction.memory import traced_block
from geoseg.prediction.mosaic import write_vrt
from geoseg.prediction.plan import Plan
from geoseg.prediction.timings import Timings
from geoseg.roads.skeleton.block import window_of
from geoseg.roads.trace import Tracing
from geoseg.tiling import Roi, Stopped, roi_shape

from .pieces import PieceGrid
from .tasks import Trace, keep, trace

if TYPE_CHECKING:
    from distributed import Future

Begin = Callable[..., "Future[Any]"]
"""Begin a task of the cluster, from its function and arguments, which may be futures."""


class SpreadFinisher:
    """Has the workers trace each block of the tracer as soon as its window is finished; keeps numbers only.

    `begin` begins a task, `cancel` those that are no longer wanted.
    """

    compiling = False

    def __init__(
        self, plan: Plan, journal: Journal, clock: Timings, begin: Begin, cancel: Callable[[list["Future[Any]"]], None]
    ) -> None:
        self._plan, self._journal, self.clock = plan, journal, clock
        self._begin, self._cancel = begin, cancel
        self._stopped = Event()
        self._pieces = PieceGrid.of(plan, journal)
        self._rest = sum(prod(roi_shape(block)) for block in plan.blocks)
        self._traced: list[Future[Any]] = []
        self.areas = AreaCounter(plan.legend, predicted_grid(plan))
        self.tracing: Tracing | None = plan_roads(plan)
        self._shared: Future[Any] | None = None
        self._waiting = None if self.tracing is None else TracedBlocks(plan, self.tracing)

    def add(self, finished: Finished) -> None:
        """Begin to trace what is finished with this block."""
        self._rest -= finished.pixels
        if finished.counts is not None:
            self.areas.add(finished.region[0].start - self._plan.roi[0].start, finished.counts)
        if self._waiting is None or self.tracing is None:
            return
        for rows, cols in self._waiting.add(finished.region):
            self._traced.append(self._begin(trace, self._context(self.tracing), rows, cols))

    def _context(self, tracing: Tracing) -> "Future[Any]":
        if self._shared is None:
            plan = self._plan
            layer, band = road_band(plan)
            self._shared = self._begin(
                keep,
                Trace(
                    pieces=self._pieces,
                    layer=layer,
                    band=band,
                    origin=(plan.roi[0].start, plan.roi[1].start),
                    tracing=tracing,
                ),
            )
        return self._shared

    def mosaics(self) -> dict[Layer, Path]:
        """Return a VRT of the pieces of each layer."""
        if self._rest:
            raise ValueError(f"{self._rest} pixels were not finished.")
        plan = self._journal.as_run(self._plan)
        return {
            layer: write_vrt(plan, layer, self._pieces.sources(layer.name), predicted_grid(plan))
            for layer in work_layers(plan)
        }

    def skeleton(self) -> Any:  # noqa: ANN401 - a list that the cluster resolves
        """Return the futures of all traced blocks."""
        return self._traced

    def stop(self) -> None:
        """Make `check` raise, and cancel tasks that have not begun."""
        self._stopped.set()
        self._cancel(self._traced)

    def check(self) -> None:
        """Raise `Stopped` after `stop`."""
        if self._stopped.is_set():
            raise Stopped("The prediction was interrupted.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._cancel(self._traced)


class TracedBlocks:
    """Blocks of the road tracer, each with the blocks of the plan that its window still waits for."""

    def __init__(self, plan: Plan, tracing: Tracing) -> None:
        self._origin = plan.roi[0].start, plan.roi[1].start
        (height, width), factor = tracing.grid.shape, tracing.factor
        side = traced_block(tracing.shape[1])
        self._spans = [
            [slice(start, min(start + side, size)) for start in range(0, size, side)] for size in (height, width)
        ]
        windows = [
            [window_of(span, span, tracing.grid)[axis] for span in spans] for axis, spans in enumerate(self._spans)
        ]
        # Both ends ascend, so the blocks whose windows meet a span are next to each other.
        self._starts = [[window.start * factor for window in part] for part in windows]
        self._stops = [
            [min(window.stop * factor, size) for window in part]
            for part, size in zip(windows, tracing.shape, strict=True)
        ]
        self._missing = dict.fromkeys(product(range(len(self._spans[0])), range(len(self._spans[1]))), 0)
        for block in plan.blocks:
            for place in self._meeting(block):
                self._missing[place] += 1

    def add(self, block: Roi) -> list[Roi]:
        """Take a finished block of the plan, once; returns the tracer's blocks that wait for no more."""
        ready = []
        for place in self._meeting(block):
            self._missing[place] -= 1
            if not self._missing[place]:
                row, col = place
                ready.append((self._spans[0][row], self._spans[1][col]))
        return ready

    def _meeting(self, block: Roi) -> list[tuple[int, int]]:
        down, across = (
            range(bisect_right(stops, span.start - origin), bisect_left(starts, span.stop - origin))
            for span, origin, starts, stops in zip(block, self._origin, self._starts, self._stops, strict=True)
        )
        return list(product(down, across))
