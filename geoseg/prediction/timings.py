"""Time the stages of a prediction, which overlap in threads of their own."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StageTime:
    """Seconds of one stage; those of several threads at the same time count once."""

    busy_s: float
    """While at least one of its threads worked."""
    waited_s: float
    """While all of its threads waited for other stages."""


@dataclass(eq=False)
class _Stage:
    """Threads of a stage since the last change, and its seconds until then."""

    changed: float
    threads: int = 0
    waiting: int = 0
    """How many of the threads wait for other stages."""
    busy_s: float = 0.0
    waited_s: float = 0.0

    def change(self, now: float, *, threads: int = 0, waiting: int = 0) -> None:
        """Count the time up to `now`, then add threads that have begun (or ended) and begun (or ended) to wait."""
        seconds, self.changed = now - self.changed, now
        if self.threads > self.waiting:
            self.busy_s += seconds
        elif self.threads:
            self.waited_s += seconds
        self.threads += threads
        self.waiting += waiting


@dataclass(eq=False)
class Timings:
    """A clock for stages; any thread may use it."""

    _stages: dict[str, _Stage] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _started: float = field(default_factory=time.perf_counter)

    def busy(self, stage: str) -> AbstractContextManager[None]:
        """Count a block of code as work of a stage."""
        return self._counted(stage, threads=1)

    def producing(self, stage: str, source: Iterable[T]) -> Generator[T, None, None]:
        """Count the making of each item as work of a stage."""
        return _each(source, partial(self.busy, stage))

    def waiting(self, stage: str) -> AbstractContextManager[None]:
        """Count a block of code within the work of a stage as waiting."""
        return self._counted(stage, waiting=1)

    def awaiting(self, stage: str, source: Iterable[T]) -> Generator[T, None, None]:
        """Count the time until each item arrives as waiting of a stage."""
        return _each(source, partial(self.waiting, stage))

    def add(self, stages: dict[str, StageTime]) -> None:
        """Add stages of another clock, such as that of another process."""
        with self._lock:
            for name, time_of in stages.items():
                stage = self._stages.setdefault(name, _Stage(time.perf_counter()))
                stage.busy_s += time_of.busy_s
                stage.waited_s += time_of.waited_s

    def stages(self) -> dict[str, StageTime]:
        """Return the stages in the order in which they began."""
        with self._lock:
            now = time.perf_counter()
            for stage in self._stages.values():
                stage.change(now)
            return {
                name: StageTime(busy_s=stage.busy_s, waited_s=stage.waited_s) for name, stage in self._stages.items()
            }

    @property
    def wall_s(self) -> float:
        """Seconds since the clock was made."""
        return time.perf_counter() - self._started

    @contextmanager
    def _counted(self, name: str, *, threads: int = 0, waiting: int = 0) -> Iterator[None]:
        self._change(name, threads, waiting)
        try:
            yield
        finally:
            self._change(name, -threads, -waiting)

    def _change(self, name: str, threads: int, waiting: int) -> None:
        with self._lock:
            now = time.perf_counter()
            self._stages.setdefault(name, _Stage(now)).change(now, threads=threads, waiting=waiting)


def _each(source: Iterable[T], counted: Callable[[], AbstractContextManager[None]]) -> Generator[T, None, None]:
    """Yield items, each fetched in a context of its own; closes a generator that is left early."""
    iterator = iter(source)
    try:
        while True:
            with counted():
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
            del item  # only the consumer keeps it alive
    finally:
        if isinstance(iterator, Generator):
            iterator.close()
