"""Where a plan is run: in this process, or on a Dask cluster (`geoseg.prediction.cluster`), to the same bytes."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol, TypeVar

import rasterio

from geoseg.models.engines.engine import Loader
from geoseg.models.engines.runtime import Runtime
from geoseg.rasters.open import GDAL
from geoseg.tiling import in_thread

from .finishing import Finisher, Finishing
from .jobs import Work, run_block
from .journal import Journal
from .plan import Plan
from .settings import Settings
from .timings import Timings

R = TypeVar("R")


class Executor(Protocol):
    """Runs the jobs of scenes in any order, within the memory of a few scenes."""

    @property
    def workers(self) -> int:
        """Number of blocks predicted at the same time."""

    @property
    def writers(self) -> int:
        """Number of scenes whose files may be written at the same time, beside those that are predicted."""

    def choose_runtime(self, settings: Settings) -> Runtime:
        """Choose engine, precision and devices where the jobs will run; raises UsageError."""

    def finisher(self, plan: Plan, journal: Journal, clock: Timings) -> Finishing:
        """Return what takes the finished regions of a plan."""

    def __call__(self, works: Iterable[Work]) -> Iterator[tuple[Work, Exception | None]]:
        """Run the jobs of scenes, the next of which is asked for when there is room for it.

        Yields each scene when all of its jobs are done, or with the error that ended it. What concerns all scenes is
        raised, as are errors of `works`.
        """

    def submit(self, task: Callable[..., R], *arguments: Any) -> Future[R]:  # noqa: ANN401 - of the task
        """Run a task where the jobs run, beside others."""


def choose_runtime(settings: Settings, load: Loader | None, executor: Executor | None = None) -> Runtime | None:
    """Choose engine, precision and devices for an executor, by default this process; None if the caller has a loader.

    Raises UsageError as `geoseg.models.engines.runtime.choose_runtime` does.
    """
    return None if load else (executor or LocalExecutor()).choose_runtime(settings)


class LocalExecutor:
    """Runs blocks one after the other in this process; all cores or devices share each."""

    workers = 1
    writers = 1

    def choose_runtime(self, settings: Settings) -> Runtime:
        """Choose engine, precision and devices of this process."""
        return settings.choose_runtime()

    def finisher(self, plan: Plan, journal: Journal, clock: Timings) -> Finishing:
        """Finish rows as they come, from memory where there is room."""
        return Finisher(plan, journal, clock)

    def __call__(self, works: Iterable[Work]) -> Iterator[tuple[Work, Exception | None]]:
        """Run the jobs of one scene after the other."""
        for work in works:
            try:
                with rasterio.Env(**GDAL):
                    for job in work.jobs:
                        for finished in run_block(job, work.clock):
                            work.take(finished)
            except Exception as error:  # noqa: BLE001 - the caller judges it
                yield work, error
            else:
                yield work, None

    def submit(self, task: Callable[..., R], *arguments: Any) -> Future[R]:  # noqa: ANN401 - of the task
        """Run a task in a thread of its own."""
        return in_thread(partial(task, *arguments), name="finish")
