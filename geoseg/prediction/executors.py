"""Run plans in this process; on a Dask cluster, `geoseg.prediction.cluster` runs them to the same bytes."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import closing
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

import rasterio

from geoseg.models.engines.hardware import available_memory, count_streams, most_memory
from geoseg.models.engines.runtime import Runtime
from geoseg.rasters.opening.open import GDAL
from geoseg.threads import GRACE_S, Tasks, in_thread

from .finishing import Finisher, Finishing
from .jobs import Finished, Work, run_block
from .journal import Journal
from .plan import Plan
from .settings import Settings
from .timings import Timings

R = TypeVar("R")

_FEW_TILES = 9
"""Most tiles of a small scene: several such scenes take less memory than one large one."""


class Executor(Tasks, Protocol):
    """Runs the jobs of scenes in any order, within the memory of a few scenes, and other tasks where the jobs run.

    As many blocks are predicted at the same time as it has `workers`.
    """

    @property
    def writers(self) -> int:
        """Number of scenes whose files may be written while others are predicted."""

    @property
    def memory(self) -> int | None:
        """Bytes of memory available to each predicting process; None if unknown."""

    @property
    def parts(self) -> str | None:
        """URL of an object store for the finished parts of scenes; None if all see the folder of the results."""

    def most_memory(self) -> int | None:
        """Return the bytes that each predicting process could have if no other took any; None if unknown."""

    def choose_runtime(self, settings: Settings) -> Runtime:
        """Choose engine, precision and devices where the jobs will run; raises UsageError."""

    def finisher(self, plan: Plan, journal: Journal, clock: Timings) -> Finishing:
        """Return the finisher of a plan, which takes regions as they are predicted."""

    def __call__(self, works: Iterable[Work]) -> Iterator[tuple[Work, Exception | None]]:
        """Run the jobs of scenes, asking for the next scene when there is room for it.

        Yields each scene once all of its jobs are done, or with the error that ended it. Raises errors that concern all
        scenes, and those of `works`.
        """


class LocalExecutor:
    """Runs blocks one after another in this process; all cores or devices share each.

    Small scenes overlap: the next one is read and scored while OpenVINO finishes the last tiles of those before it.
    """

    workers = 1
    writers = 1
    parts = None

    @property
    def memory(self) -> int:
        """Bytes available on this machine."""
        return available_memory()

    def most_memory(self) -> int:
        """Return the memory of this machine with swap, or the limit of this process if less."""
        return most_memory()

    def choose_runtime(self, settings: Settings) -> Runtime:
        """Choose engine, precision and devices of this process."""
        return settings.choose_runtime()

    def finisher(self, plan: Plan, journal: Journal, clock: Timings) -> Finishing:
        """Finish rows as they come, from memory where there is room."""
        return Finisher(plan, journal, clock)

    def __call__(self, works: Iterable[Work]) -> Iterator[tuple[Work, Exception | None]]:
        """Run the jobs of one scene after another, those of small scenes ahead of their turn."""
        ahead: deque[_Ahead] = deque()
        try:
            for work in works:
                most = 0
                if _is_small(work):
                    ahead.append(_Ahead(work))
                    most = count_streams(work.jobs[0].plan.settings.batch_size) + 1
                while len(ahead) > most:
                    yield _take_ahead(ahead.popleft())
                if not most:
                    yield _take_now(work)
            while ahead:
                yield _take_ahead(ahead.popleft())
        finally:
            wait([each.ended for each in ahead], GRACE_S)

    def submit(self, task: Callable[..., R], *arguments: Any) -> Future[R]:  # noqa: ANN401 - of the task
        """Run a task in a thread of its own."""
        return in_thread(partial(task, *arguments), name="finish")


def _is_small(work: Work) -> bool:
    """Whether the network has little to do, in an engine that threads may share."""
    plan = work.jobs[0].plan
    openvino = plan.runtime is not None and plan.runtime.engine == "openvino"
    return openvino and plan.lattice.count_tiles(plan.roi) <= _FEW_TILES


class _Ahead:
    """Predicts a scene in a thread of its own; iterating waits for finished regions, and raises its error."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._finished: SimpleQueue[Finished | None] = SimpleQueue()
        self.ended = in_thread(self._run, name="scene")

    def __iter__(self) -> Iterator[Finished]:
        yield from iter(self._finished.get, None)
        self.ended.result()

    def _run(self) -> None:
        try:
            for finished in _run(self.work):
                self._finished.put(finished)
        finally:
            self._finished.put(None)


def _take_ahead(ahead: _Ahead) -> tuple[Work, Exception | None]:
    outcome = _take(ahead.work, ahead)
    wait([ahead.ended])  # if taking failed, the thread still writes to the journal, which the caller may discard
    return outcome


def _take_now(work: Work) -> tuple[Work, Exception | None]:
    # Closed in this thread, whose GDAL settings it holds, even if taking fails.
    with closing(_run(work)) as finished:
        return _take(work, finished)


def _run(work: Work) -> Generator[Finished, None, None]:
    with rasterio.Env(**GDAL):
        for job in work.jobs:
            yield from run_block(job, work.clock)


def _take(work: Work, finished: Iterable[Finished]) -> tuple[Work, Exception | None]:
    """Take the finished regions of a scene as they come; return the scene, and the error that ended it, if any."""
    try:
        for each in finished:
            work.take(each)
    except Exception as error:  # noqa: BLE001 - the caller judges it
        return work, error
    return work, None
