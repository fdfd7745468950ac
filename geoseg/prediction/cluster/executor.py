"""The executor for a Dask cluster."""

import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from geoseg.errors import GeosegWarning, UsageError
from geoseg.models.engines.runtime import Runtime
from geoseg.prediction.finishing import Finishing
from geoseg.prediction.jobs import Finished, Job
from geoseg.prediction.journal import Journal
from geoseg.prediction.plan import Plan
from geoseg.prediction.settings import Settings
from geoseg.prediction.timings import Timings
from geoseg.tiling import in_thread
from geoseg.version import __version__

from .dealing import Deal
from .tasks import Predicted, choose, keep, predict_block, run_task
from .trouble import cluster_errors

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Promise

R = TypeVar("R")

_QUEUED_S = 0.5
"""Work that waits at each worker, so that it has some while the client hears of what it has finished."""
_MOST_QUEUED = 16
_LOOK_S = 2.0
"""How often the client looks for workers that have joined or left."""
_SOONER = 1
"""Priority of what others wait for."""


@dataclass(frozen=True, kw_only=True)
class DaskExecutor:
    """Runs predictions on the workers of a Dask cluster, which must share the folder of the results.

    The workers predict blocks, trace roads and write files, each task with the threads of its worker; the client only
    deals them out. They must see scenes under the same names and have the same hardware and geoseg. Engine, precision
    and devices are chosen on the workers: `auto` uses their GPUs, whatever the client has. If the scheduler ends, an
    ClusterError says so, and the same call resumes.
    """

    client: "Client"

    @property
    def workers(self) -> int:
        """Number of workers of the cluster; at least 2, since others may join."""
        return max(2, len(self._addresses()))

    def choose_runtime(self, settings: Settings) -> Runtime:
        """Let every worker choose engine, precision and devices; raises UsageError if their choices differ."""
        # A cluster that scales may have no worker until there is a task.
        with cluster_errors(self.client):
            choices: list[tuple[Runtime, list[str]]] = list(self.client.run(choose, settings).values()) or [
                self.client.submit(choose, settings, pure=False).result()
            ]
        _warn(sentence for _, sentences in choices for sentence in sentences)
        first, *others = dict.fromkeys(runtime for runtime, _ in choices)
        if others:
            raise UsageError(
                f"the workers of the Dask cluster would run different networks ({first}; {others[0]}); choose "
                "`engine`, `precision` and `devices` that all of them have."
            )
        return first

    def finisher(self, plan: Plan, journal: Journal, clock: Timings) -> Finishing:
        """Have the workers finish what they have predicted."""
        from .finishing import SpreadFinisher

        return SpreadFinisher(plan, journal, clock, partial(self._begin, priority=_SOONER), self._cancel)

    def __call__(self, jobs: list[Job], clock: Timings) -> Iterator[Finished]:
        """Deal out all jobs; an error cancels those that have not begun."""
        from distributed import as_completed

        from .bundle import Bundle

        with cluster_errors(self.client):
            bundle = Bundle(jobs[0].model)
            self.client.register_plugin(bundle)
            # The plan's own blocks would be most of what is sent.
            plan = replace(jobs[0].plan, blocks=(jobs[0].plan.roi,))
            shared = self._begin(keep, replace(jobs[0], plan=plan, block=plan.roi, model=Path(bundle.file)))
            blocks = [job.block for job in jobs]
            running = as_completed(loop=self.client.loop)
            crew = _Crew(Deal(blocks, self.workers))
            try:
                while True:
                    for worker, number in crew.hand_out(self._addresses):
                        future = self._begin(predict_block, shared, blocks[number], worker=worker)
                        crew.began(future, worker)
                        running.add(future)
                    if not crew.busy:
                        break
                    future = next(running)
                    predicted: Predicted = future.result()
                    crew.ended(future, predicted.seconds)
                    future.release()
                    clock.add(predicted.stages)
                    _warn(predicted.warnings)
                    yield Finished(region=predicted.block, counts=predicted.counts)
            finally:
                self._cancel([*crew.futures])

    def submit(self, task: Callable[..., R], *arguments: Any) -> Future[R]:  # noqa: ANN401 - of the task
        """Run a task on a worker; its arguments may be futures of the cluster, or lists of them."""

        def wait() -> R:
            with cluster_errors(self.client):
                future = self._begin(task, *arguments, priority=_SOONER)
                result: R = future.result()
                return result

        return in_thread(wait, name="finish")

    def _begin(
        self,
        task: Callable[..., Any],
        *arguments: Any,  # noqa: ANN401 - of the task
        worker: str | None = None,
        priority: int = 0,
    ) -> "Promise[Any]":
        """Begin a task on a worker, or, if it has left meanwhile or none is given, on any."""
        return self.client.submit(
            run_task,
            __version__,
            task,
            *arguments,
            pure=False,
            workers=worker,
            allow_other_workers=worker is not None,
            priority=priority,
        )

    def _cancel(self, futures: "list[Promise[Any]]") -> None:
        if futures and self.client.status == "running":
            self.client.cancel(futures)

    def _addresses(self) -> list[str]:
        with cluster_errors(self.client):
            return [*self.client.scheduler_info(n_workers=-1)["workers"]]


class _Crew:
    """The workers, and how many blocks each has."""

    def __init__(self, deal: Deal) -> None:
        self._deal = deal
        self._queues: dict[str, int] = {}
        self.futures: dict[Promise[Any], str] = {}
        self._depth = 1
        self._looked = -_LOOK_S
        self._idle: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether a block is being predicted."""
        return bool(self.futures)

    def hand_out(self, addresses: Callable[[], list[str]]) -> Iterator[tuple[str | None, int]]:
        """Yield blocks for workers that have room; for any worker, if there is none yet."""
        if time.monotonic() - self._looked > _LOOK_S:
            found = dict.fromkeys(addresses(), 0)
            for gone in self._queues.keys() - found.keys():
                self._deal.leave(gone)
            self._queues = found | {worker: count for worker, count in self._queues.items() if worker in found}
            self._idle = {*found}
            self._looked = time.monotonic()
        for worker in sorted(self._idle):
            while self._queues[worker] < self._depth and (number := self._deal.take(worker)) is not None:
                yield worker, number
        self._idle = set()
        if not self._queues and not self.futures and (number := self._deal.take(None)) is not None:
            yield None, number

    def began(self, future: "Promise[Any]", worker: str | None) -> None:
        """Take note of a block that was handed out."""
        self.futures[future] = worker or ""
        if worker is not None:
            self._queues[worker] += 1

    def ended(self, future: "Promise[Any]", seconds: float) -> None:
        """Take note of a block that is finished, and how long it took."""
        self._depth = min(_MOST_QUEUED, ceil(_QUEUED_S / max(seconds, 1e-3)))
        worker = self.futures.pop(future)
        if worker in self._queues:
            self._queues[worker] -= 1
            self._idle.add(worker)


def _warn(sentences: Iterator[str] | tuple[str, ...]) -> None:
    for sentence in dict.fromkeys(sentences):
        warnings.warn(sentence, GeosegWarning, stacklevel=3)
