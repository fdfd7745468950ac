"""Run the blocks of a plan, in this process or on a Dask cluster, to the same bytes."""

import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from geoseg.errors import GeosegError, GeosegWarning, UsageError
from geoseg.models.engines.engine import Loader
from geoseg.models.engines.runtime import Runtime
from geoseg.tiling import Roi, roi_shape

from .blocks import Rows
from .journal import Journal
from .plan import Plan
from .rows import predict_rows
from .settings import Settings
from .timings import Timings

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True, kw_only=True)
class Job:
    """One block to predict, in any process that can read the scene and the model and write the journal."""

    plan: Plan
    block: Roi
    model: Path
    journal: Journal
    load: Loader


@dataclass(frozen=True, kw_only=True, eq=False)
class Finished:
    """A region that the journal holds from now on."""

    region: Roi
    """One piece, or some from the top of a block."""
    rows: Rows | None = None
    """The same piece in memory, from an executor in this process."""

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return prod(roi_shape(self.region))


def run_block(job: Job, clock: Timings) -> Iterator[Finished]:
    """Predict the part of a block that the journal lacks, piece by piece."""
    rest = job.journal.unfinished(job.plan, job.block)
    if rest is None:
        yield Finished(region=job.block)
        return
    top, cols = job.block[0].start, job.block[1]
    if top < rest[0].start:
        yield Finished(region=(slice(top, rest[0].start), cols))
    with clock.busy("load"):
        engine = job.load(job.model, job.plan.engine_options)
    for rows in predict_rows(job.plan, rest, engine, clock):
        with clock.busy("journal"):
            job.journal.write(rows)
        yield Finished(region=(rows.rows, rows.cols), rows=rows)


class Executor(Protocol):
    """Runs jobs in any order and yields what is finished, once each; raises the first error of a job."""

    @property
    def workers(self) -> int:
        """Number of blocks predicted at the same time."""

    def choose_runtime(self, settings: Settings) -> Runtime:
        """Choose engine, precision and devices where the jobs will run; raises UsageError."""

    def __call__(self, jobs: list[Job], clock: Timings) -> Iterator[Finished]:
        """Run all jobs; the clock is for stages in this process."""


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

    def __call__(self, jobs: list[Job], clock: Timings) -> Iterator[Finished]:
        """Run all jobs."""
        for job in jobs:
            yield from run_block(job, clock)


@dataclass(frozen=True, kw_only=True)
class DaskExecutor:
    """Runs blocks on the workers of a Dask cluster, which must see the same files and have the same hardware.

    Engine, precision and devices are chosen on the workers: `auto` uses their GPUs, whatever the client has.
    """

    client: "Client"

    @property
    def workers(self) -> int:
        """Number of workers of the cluster."""
        return len(self.client.scheduler_info(n_workers=-1)["workers"])

    def choose_runtime(self, settings: Settings) -> Runtime:
        """Let every worker choose engine, precision and devices; raises UsageError if their choices differ."""
        # A cluster that scales may have no worker until there is a task.
        choices: list[tuple[Runtime, list[str]]] = list(self.client.run(_choose, settings).values()) or [
            self.client.submit(_choose, settings, pure=False).result()
        ]
        for sentence in dict.fromkeys(sentence for _, sentences in choices for sentence in sentences):
            warnings.warn(sentence, GeosegWarning, stacklevel=2)
        first, *others = dict.fromkeys(runtime for runtime, _ in choices)
        if others:
            raise UsageError(
                f"the workers of the Dask cluster would run different networks ({first}; {others[0]}); choose "
                "`engine`, `precision` and `devices` that all of them have."
            )
        return first

    def __call__(self, jobs: list[Job], clock: Timings) -> Iterator[Finished]:
        """Submit all jobs; an error cancels those not yet started."""
        from distributed import as_completed

        futures = self.client.map(_run_whole_block, jobs, pure=False)
        try:
            for future in as_completed(futures):
                yield Finished(region=future.result())
        finally:
            self.client.cancel(futures)


def _choose(settings: Settings) -> tuple[Runtime, list[str]]:
    """Choose on a worker; returns the sentences that it warns with, too, which its user would not see."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runtime = settings.choose_runtime()
    return runtime, [str(each.message) for each in caught if issubclass(each.category, GeosegWarning)]


def _run_whole_block(job: Job) -> Roi:
    try:
        deque(run_block(job, Timings()), maxlen=0)
        return job.block
    except GeosegError as error:
        sendable = type(error)(str(error))
    # Raised outside the clause, without its cause: GDAL's errors cannot be pickled.
    raise sendable
