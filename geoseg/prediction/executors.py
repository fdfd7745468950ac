"""Run the blocks of a plan, in this process or on a Dask cluster, to the same bytes."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from odc.geo.roi import roi_shape

from geoseg.errors import GeosegError
from geoseg.models.engines.engine import Loader
from geoseg.tiling import Roi

from .blocks import Rows
from .journal import Journal
from .plan import Plan
from .rows import predict_rows
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

    def __call__(self, jobs: list[Job], clock: Timings) -> Iterator[Finished]:
        """Run all jobs; the clock is for stages in this process."""


class LocalExecutor:
    """Runs blocks one after the other in this process; all cores or devices share each."""

    workers = 1

    def __call__(self, jobs: list[Job], clock: Timings) -> Iterator[Finished]:
        """Run all jobs."""
        for job in jobs:
            yield from run_block(job, clock)


@dataclass(frozen=True, kw_only=True)
class DaskExecutor:
    """Runs blocks on the workers of a Dask cluster, which must see the same files."""

    client: "Client"

    @property
    def workers(self) -> int:
        """Number of workers of the cluster."""
        return len(self.client.scheduler_info(n_workers=-1)["workers"])

    def __call__(self, jobs: list[Job], clock: Timings) -> Iterator[Finished]:
        """Submit all jobs; an error cancels those not yet started."""
        from distributed import as_completed

        futures = self.client.map(_run_whole_block, jobs, pure=False)
        try:
            for future in as_completed(futures):
                yield Finished(region=future.result())
        finally:
            self.client.cancel(futures)


def _run_whole_block(job: Job) -> Roi:
    try:
        deque(run_block(job, Timings()), maxlen=0)
        return job.block
    except GeosegError as error:
        sendable = type(error)(str(error))
    # Raised outside the clause, without its cause: GDAL's errors cannot be pickled.
    raise sendable
