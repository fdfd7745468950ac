"""Run the blocks of a plan, in this process or on a Dask cluster, to the same bytes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from geoseg.errors import GeosegError
from geoseg.models.engine import TTA, Engine, KerasEngine
from geoseg.tiling import Roi

from .blocks import predict_block
from .journal import Journal
from .plan import Plan

if TYPE_CHECKING:
    from distributed import Client

Loader = Callable[[Path, int, TTA], Engine]
"""Makes an engine from a bundle, a batch size and a test-time augmentation."""


def load_keras(model: Path, batch_size: int, tta: TTA) -> Engine:
    """Load a bundle on the installed Keras backend; the last one is cached for further scenes and blocks."""
    status = model.stat()
    return _load_keras(model, batch_size, tta, (status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=1)
def _load_keras(model: Path, batch_size: int, tta: TTA, version: tuple[int, int]) -> Engine:
    return KerasEngine(model, batch_size=batch_size, tta=tta)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One block to predict: plain values, for any process that sees the scene, the model and the journal."""

    plan: Plan
    block: Roi
    model: Path
    journal: Journal
    load: Loader


def run_block(job: Job) -> Iterator[int]:
    """Predict the rest of a block that the journal lacks; yield the pixel count of each finished piece."""
    rest = job.journal.unfinished(job.plan, job.block)
    if rest is None:
        yield _pixels(job.block)
        return
    if (done := _pixels(job.block) - _pixels(rest)) > 0:
        yield done
    engine = job.load(job.model, job.plan.settings.batch_size, job.plan.settings.tta)
    for rows in predict_block(job.plan, rest, engine):
        job.journal.write(rows)
        yield rows.classes.size


class Executor(Protocol):
    """Runs jobs and yields finished pixel counts, in any order; the first error of a job is raised unchanged."""

    @property
    def workers(self) -> int:
        """Number of blocks predicted at the same time."""

    def __call__(self, jobs: list[Job]) -> Iterator[int]:
        """Run all jobs."""


@dataclass(frozen=True, kw_only=True)
class LocalExecutor:
    """Runs blocks one after the other; the network itself uses all cores."""

    workers: int = 1

    def __call__(self, jobs: list[Job]) -> Iterator[int]:
        """Run all jobs in this process."""
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
    # Raised outside the clause: an error of GDAL as its cause could not be pickled.
    raise sendable


def _pixels(roi: Roi) -> int:
    rows, cols = roi
    return int((rows.stop - rows.start) * (cols.stop - cols.start))
