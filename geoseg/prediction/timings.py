"""Time the stages of a prediction, which overlap in threads of their own."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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

    @contextmanager
    def busy(self, stage: str) -> Iterator[None]:
        """Count a block of code as work of a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._add(self._busy, stage, started)

    def producing(self, stage: str, source: Iterable[T]) -> Iterator[T]:
        """Count the making of each item as work of a stage."""
        iterator = iter(source)
        while True:
            with self.busy(stage):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
            del item  # only the consumer keeps it alive

    @contextmanager
    def waiting(self, stage: str) -> Iterator[None]:
        """Count a block of code within the work of a stage as waiting."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._add(self._waited, stage, started)

    def awaiting(self, stage: str, source: Iterable[T]) -> Iterator[T]:
        """Count the time until each item arrives as waiting of a stage."""
        iterator = iter(source)
        while True:
            with self.waiting(stage):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
            del item  # only the consumer keeps it alive

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

    def _add(self, to: dict[str, float], stage: str, started: float) -> None:
        seconds = time.perf_counter() - started
        with self._lock:
            to[stage] += seconds
