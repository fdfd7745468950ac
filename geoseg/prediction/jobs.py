"""Jobs: blocks of a plan to predict, and their finished regions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from geoseg.models.engines.engine import Engine, Loader
from geoseg.models.engines.strips import Networks
from geoseg.tiling import Carried, Roi, roi_shape

from .areas import StripCounts
from .blocks import predict_block
from .devices.predict_block import predict_block_on_devices
from .journal import Journal
from .plan import Plan
from .rows import Rows
from .timings import Timings


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
    """A finished region, which is in the journal."""

    region: Roi
    """One piece, or several from the top of a block."""
    rows: Rows | None = None
    """The same piece in memory, from an executor in this process."""
    counts: StripCounts | None = None
    """Its pixels by entry of the legend, from an executor of other processes."""

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return prod(roi_shape(self.region))


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """All jobs of one scene, for an executor."""

    jobs: Sequence[Job]
    clock: Timings
    """Times their stages."""
    take: Callable[[Finished], None]
    """Called with each finished region, in the thread that iterates over the executor; an error ends the scene."""


def predict_rows(
    plan: Plan, block: Roi, engine: Engine | Networks, clock: Timings | None = None, carried: Carried | None = None
) -> Iterator[Rows]:
    """Yield the finished rows of a block from top to bottom; raises SceneError if the scene cannot be read.

    On the CPU, `carried` hands scores from block to block, as in `predict_block`; devices compute them again.
    """
    if isinstance(engine, Networks):
        return predict_block_on_devices(plan, block, engine.networks, clock)
    return predict_block(plan, block, engine, clock, carried)


def run_block(job: Job, clock: Timings, carried: Carried | None = None) -> Iterator[Finished]:
    """Predict the part of a block that the journal lacks, piece by piece; `carried` as in `predict_block`."""
    rest = job.journal.unfinished(job.plan, job.block)
    if rest is None:
        yield Finished(region=job.block)
        return
    top, cols = job.block[0].start, job.block[1]
    if top < rest[0].start:
        yield Finished(region=(slice(top, rest[0].start), cols))
    with clock.busy("load"):
        engine = job.load(job.model, job.plan.engine_options)
    for rows in predict_rows(job.plan, rest, engine, clock, carried):
        with clock.busy("journal"):
            job.journal.write(rows)
        yield Finished(region=(rows.rows, rows.cols), rows=rows)
