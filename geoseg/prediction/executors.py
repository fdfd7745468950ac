"""Where a plan is run: in this process, or on a Dask cluster (`geoseg.prediction.cluster`), to the same bytes."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol, TypeVar

from geoseg.models.engines.engine import Loader
from geoseg.models.engines.runtime import Runtime
from geoseg.tiling import in_thread

from .finishing import Finisher, Finishing
from .jobs import Finished, Job, run_block
from .journal import Journal
from .plan import Plan
from .settings import Settings
from .timings import Timings

R = TypeVar("R")


class Executor(Protocol):
    """Runs jobs in any order and yields what is finished, once each; raises the first error of a job."""

    @property
    def workers(self) -> int:
        """Number of blocks predicted at the same time."""

    def choose_runtime(self, settings: Settings) -> Runtime:
        """Choose engine, precision and devices where the jobs will run; raises UsageError."""

    def finisher(self, plan: Plan, journal: Journal, clock: Timings) -> Finishing:
        """Return what takes the finished regions of a plan."""

    def __call__(self, jobs: list[Job], clock: Timings) -> Iterator[Finished]:
        """Run all jobs; the clock is for their stages."""

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

    def choose_runtime(self, settings: Settings) -> Runtime:
        """Choose engine, precision and devices of this process."""
        return settings.choose_runtime()

    def finisher(self, plan: Plan, journal: Journal, clock: Timings) -> Finishing:
        """Finish rows as they come, from memory where there is room."""
        return Finisher(plan, journal, clock)

    def __call__(self, jobs: list[Job], clock: Timings) -> Iterator[Finished]:
        """Run all jobs."""
        for job in jobs:
            yield from run_block(job, clock)

    def submit(self, task: Callable[..., R], *arguments: Any) -> Future[R]:  # noqa: ANN401 - of the task
        """Run a task in a thread of its own."""
        return in_thread(partial(task, *arguments), name="finish")
