"""Time the stages of a prediction, which overlap in threads of their own."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StageTime:
    """Seconds of one stage, summed over its threads."""

    busy_s: float
    waited_s: float
    """For other stages."""


@dataclass(eq=False)
class Timings:
    """A clock for stages; any thread may use it."""

    _busy: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _waited: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _lock: Lock = field(default_factory=Lock)
    _started: float = field(default_factory=time.perf_counter)

    def busy(self, stage: str) -> AbstractContextManager[None]:
        """Count a block of code as work of a stage."""
        return self._counted(self._busy, stage)

    def producing(self, stage: str, source: Iterable[T]) -> Iterator[T]:
        """Count the making of each item as work of a stage."""
        return _each(source, partial(self.busy, stage))

    def waiting(self, stage: str) -> AbstractContextManager[None]:
        """Count a block of code within the work of a stage as waiting."""
        return self._counted(self._waited, stage)

    def awaiting(self, stage: str, source: Iterable[T]) -> Iterator[T]:
        """Count the time until each item arrives as waiting of a stage."""
        return _each(source, partial(self.waiting, stage))

    def stages(self) -> dict[str, StageTime]:
        """Return the stages in the order in which they began."""
        with self._lock:
            return {
                stage: StageTime(busy_s=max(0.0, busy - self._waited[stage]), waited_s=self._waited[stage])
                for stage, busy in self._busy.items()
            }

    @property
    def wall_s(self) -> float:
        """Seconds since the clock was made."""
        return time.perf_counter() - self._started

    @contextmanager
    def _counted(self, to: dict[str, float], stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - started
            with self._lock:
                to[stage] += seconds


def _each(source: Iterable[T], counted: Callable[[], AbstractContextManager[None]]) -> Iterator[T]:
    """Yield items, each fetched in a context of its own."""
    iterator = iter(source)
    while True:
        with counted():
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item
        del item  # only the consumer keeps it alive
