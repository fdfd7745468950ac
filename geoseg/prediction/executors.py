"""Run the blocks of a plan, in this process or on a Dask cluster, to the same bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from odc.geo.roi import roi_shape

from geoseg.errors import GeosegError
from geoseg.models.engines.engine import Loader
from geoseg.tiling import Roi

from .blocks import predict_block
from .journal import Journal
from .plan import Plan

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


def run_block(job: Job) -> Iterator[int]:
    """Predict the part of a block that the journal lacks; yields the pixel count of each finished piece."""
    rest = job.journal.unfinished(job.plan, job.block)
    done = prod(roi_shape(job.block)) - (0 if rest is None else prod(roi_shape(rest)))
    if done:
        yield done
    if rest is None:
        return
    engine = job.load(job.model, job.plan.engine_options)
    for rows in predict_block(job.plan, rest, engine):
        job.journal.write(rows)
        yield rows.classes.size


class Executor(Protocol):
    """Runs jobs in any order and yields finished pixel counts; raises the first error of a job."""

    @property
    def workers(self) -> int:
        """Number of blocks predicted at the same time."""

    def __call__(self, jobs: list[Job]) -> Iterator[int]:
        """Run all jobs."""


@dataclass(frozen=True, kw_only=True)
class LocalExecutor:
    """Runs blocks one after the other in this process; the network itself uses all cores."""

    workers: int = 1

    def __call__(self, jobs: list[Job]) -> Iterator[int]:
        """Run all jobs."""
        for job in jobs:
            yield from run_block(job)


@dataclass(frozen=True, kw_only=True)
class DaskExecutor:
    """Runs blocks on the workers of a Dask cluster, which must see the same files."""

    client: "Client"

    @property
    def workers(self) -> int:
        """Number of workers of the cluster."""
        return len(self.client.scheduler_info(n_workers=-1)["workers"])

    def __call__(self, jobs: list[Job]) -> Iterator[int]:
        """Submit all jobs; an error cancels those not yet started."""
        from distributed import as_completed

        futures = self.client.map(_run_whole_block, jobs, pure=False)
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            self.client.cancel(futures)


def _run_whole_block(job: Job) -> int:
    try:
        return sum(run_block(job))
    except GeosegError as error:
        sendable = type(error)(str(error))
    # Raised outside the clause, without its cause: GDAL's errors cannot be pickled.
    raise sendable
