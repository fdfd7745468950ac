"""The executor for a Dask cluster."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from geoseg.errors import ClusterError, UsageError
from geoseg.messages import warn
from geoseg.models.engines.hardware import most_memory
from geoseg.models.engines.runtime import Runtime
from geoseg.prediction.finishing import Finishing
from geoseg.prediction.jobs import Finished, Work
from geoseg.prediction.journal import Journal
from geoseg.prediction.plan import Plan
from geoseg.prediction.settings import Settings
from geoseg.prediction.storage.object_store import check_store
from geoseg.prediction.timings import Timings
from geoseg.threads import in_thread
from geoseg.version import __version__

from .crew import Crew, Roster
from .sharing import Sharing
from .tasks import Predicted, choose, predict_block, run_task
from .trouble import cluster_errors, lost, run_on_workers
from .versions import check_workers

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Promise

R = TypeVar("R")

_SOONER = 1
"""Priority of tasks that others wait for."""


@dataclass(frozen=True, kw_only=True)
class DaskExecutor:
    """Runs predictions on the workers of a Dask cluster, which share the folder of the results, or an object store.

    The workers predict blocks, trace roads and write files, each task with the threads of its worker; the client only
    deals them out. They must see scenes under the same names and have the same hardware and geoseg. Engine, precision
    and devices are chosen on the workers: `auto` uses their GPUs, whatever the client has. If the scheduler ends, a
    ClusterError says so, and the same call resumes. Raises UsageError if `parts` is not a URL that fsspec can open, or
    its package is not installed.
    """

    client: "Client"
    parts: str | None = None
    """URL of an object store for finished parts of scenes, such as `s3://bucket/folder`; then only the client needs the
    folder of the results. None: all workers see that folder."""
    _roster: Roster = field(init=False, repr=False, compare=False)
    _writing: "set[Promise[Any]]" = field(init=False, repr=False, compare=False, default_factory=set)
    _checked: Event = field(init=False, repr=False, compare=False, default_factory=Event)
    """Set once all workers had this version of geoseg."""
    _lost: Event = field(init=False, repr=False, compare=False, default_factory=Event)
    """Set once tasks were lost with their scheduler, until there are workers again, or another run begins."""

    def __post_init__(self) -> None:
        """Check `parts`; the cluster is asked for nothing yet."""
        if self.parts is not None:
            check_store(self.parts)
        object.__setattr__(self, "_roster", Roster(self._addresses))

    @property
    def workers(self) -> int:
        """Number of workers of the cluster; at least 2, since others may join."""
        return max(2, len(self._roster.addresses()))

    @property
    def writers(self) -> int:
        """Two scenes for each worker: it writes the files of one while the client renames those of the other."""
        return 2 * self.workers

    @property
    def memory(self) -> int | None:
        """Limit of the worker with the least memory; None if a worker has no limit, or there is none yet."""
        with cluster_errors(self.client):
            workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        return min((worker["memory_limit"] for worker in workers), default=0) or None

    def most_memory(self) -> int | None:
        """Ask the workers; None if there is none yet.

        Their limits do not count: a worker without a nanny may exceed its own.
        """
        with cluster_errors(self.client):
            return min(run_on_workers(self.client, most_memory).values(), default=None)

    def choose_runtime(self, settings: Settings) -> Runtime:
        """Let every worker choose engine, precision and devices; raises UsageError if their choices differ."""
        # A cluster that scales may have no worker until there is a task.
        with cluster_errors(self.client):
            self._check_workers()
            choices: list[tuple[Runtime, list[str]]] = list(run_on_workers(self.client, choose, settings).values()) or [
                self.client.submit(choose, settings, pure=False).result()
            ]
        _warn_of(sentence for _, sentences in choices for sentence in sentences)
        first, *others = dict.fromkeys(runtime for runtime, _ in choices)
        if others:
            raise UsageError(
                f"the workers of the Dask cluster would run different networks ({first}; {others[0]}); choose "
                "`engine`, `precision` and `devices` that all of them have."
            )
        return first

    def _check_workers(self) -> None:
        """Raise UsageError unless all workers that there are have this version of geoseg."""
        if check_workers(self.client):
            self._checked.set()

    def _check_workers_once(self) -> None:
        """Check the workers before the first task: later, a worker that is killed could not answer."""
        if not self._checked.is_set():
            with cluster_errors(self.client):
                self._check_workers()

    def finisher(self, plan: Plan, journal: Journal, clock: Timings) -> Finishing:
        """Have the workers finish what they have predicted."""
        from .finishing import SpreadFinisher

        return SpreadFinisher(plan, journal, clock, partial(self._begin, priority=_SOONER), self._cancel)

    def __call__(self, works: Iterable[Work]) -> Iterator[tuple[Work, Exception | None]]:
        """Deal out the blocks of as many scenes as the workers have room for."""
        from distributed import as_completed

        self._lost.clear()
        self._check_workers_once()
        share = Sharing(self.client, partial(self._begin, priority=_SOONER))
        running = as_completed(loop=self.client.loop)
        crew = Crew(works, self._roster)
        try:
            while True:
                for worker, work, block in crew.hand_out():
                    future = self._begin(predict_block, share.of(work), block, worker=worker)
                    crew.began(future, work, worker)
                    running.add(future)
                if not crew.running:
                    break
                with cluster_errors(self.client):
                    future = next(running)
                scene = crew.scene(future)
                if scene is None:  # cancelled
                    continue
                try:
                    self._take(scene, future, crew)
                except Exception as error:  # noqa: BLE001 - the caller judges it
                    self._cancel(crew.drop(scene))
                    share.forget(scene)
                    yield scene, error
                else:
                    if crew.has_ended(scene):
                        share.forget(scene)
                        yield scene, None
        finally:
            self._cancel(crew.running)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Raise ClusterError if the scheduler is lost, in all threads: one that is started again may have no workers.

        Otherwise the tasks that they begin later would wait for workers, to write files of a run that has ended.
        """
        try:
            with cluster_errors(self.client):
                yield
        except ClusterError:
            self._lost.set()
            self._cancel([*self._writing])
            raise

    def _take(self, work: Work, future: "Promise[Any]", crew: Crew) -> None:
        with self._watched():
            predicted: Predicted = future.result()
        crew.ended(future, predicted.seconds)
        future.release()
        work.clock.add(predicted.stages)
        _warn_of(predicted.warnings)
        work.take(Finished(region=predicted.block, counts=predicted.counts))

    def submit(self, task: Callable[..., R], *arguments: Any) -> Future[R]:  # noqa: ANN401 - of the task
        """Run a task on a worker; its arguments may be futures of the cluster, or lists of them."""
        self._check_workers_once()

        def wait() -> R:
            future = self._begin(task, *arguments, priority=_SOONER)
            self._writing.add(future)
            try:
                with self._watched():
                    result: R = future.result()
                    return result
            finally:
                self._writing.discard(future)

        return in_thread(wait, name="finish")

    def _begin(
        self,
        task: Callable[..., Any],
        *arguments: Any,  # noqa: ANN401 - of the task
        worker: str | None = None,
        priority: int = 0,
    ) -> "Promise[Any]":
        """Begin a task on a worker, or, if it has left meanwhile or none is given, on any."""
        if self._lost.is_set():
            if not self._addresses():
                raise lost(self.client)
            self._lost.clear()  # there are workers again, as after `Client.restart`
        with cluster_errors(self.client):
            return self.client.submit(
                run_task,
                __version__,
                task,
                *arguments,
                pure=False,
                workers=worker,
                allow_other_workers=worker is not None,
                priority=priority,
                # Else a worker runs what it is given within a tenth of a second in any order, not down a column.
                fifo_timeout=0,
            )

    def _cancel(self, futures: "list[Promise[Any]]") -> None:
        if futures and self.client.status == "running":
            self.client.cancel(futures)

    def _addresses(self) -> frozenset[str]:
        with cluster_errors(self.client):
            return frozenset(self.client.scheduler_info(n_workers=-1)["workers"])


def _warn_of(sentences: Iterable[str]) -> None:
    """Warn of what workers have said, once of what several of them have."""
    for sentence in dict.fromkeys(sentences):
        warn(sentence)
