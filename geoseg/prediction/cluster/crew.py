"""The workers of a cluster, and the blocks that each has."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from math import ceil
from typing import TYPE_CHECKING, Any

from geoseg.prediction.jobs import Work
from geoseg.tiling import Roi

from .dealing_blocks import Deal

if TYPE_CHECKING:
    from distributed import Future

_QUEUED_S = 0.5
"""Blocks that wait at each worker, so that it stays busy until the client learns what it has finished."""
_MOST_QUEUED = 16
_LOOK_S = 2.0
"""How often the client looks for workers that have joined or left."""
_BLOCKS_EACH = 8
"""A scene with fewer blocks goes to one worker while more follow: rows that two workers share are scored twice."""


class Roster:
    """The addresses of the workers, updated only now and then: many take long to transfer."""

    def __init__(self, ask: Callable[[], frozenset[str]]) -> None:
        self._ask = ask
        self._known: frozenset[str] = frozenset()
        self._asked_s: float | None = None

    def addresses(self) -> frozenset[str]:
        """Return the addresses, which may be some seconds old."""
        if self._asked_s is None or time.monotonic() - self._asked_s > _LOOK_S:
            self._known = self._ask()
            self._asked_s = time.monotonic()
        return self._known


class Crew:
    """Supplies each worker with blocks: of its scene, of the next one, or at the end, of another worker's remainder."""

    def __init__(self, works: Iterable[Work], roster: Roster) -> None:
        self._coming, self._more = iter(works), True
        self._roster = roster
        self._deal: Deal[Work] = Deal()
        self._queues: dict[str, int] = {}
        self._idle: set[str] = set()
        self._proved: set[str] = set()
        """Workers that have finished a block. Of two blocks that wait for a new worker to receive the model, Dask may
        run the lower one first, which could not continue from the rows of the other."""
        self._depth = 1
        self._left: dict[Work, int] = {}
        """Blocks of each scene that are not finished."""
        self._running: dict[Future[Any], tuple[Work, str | None]] = {}

    @property
    def running(self) -> "list[Future[Any]]":
        """The blocks that are handed out and not finished."""
        return [*self._running]

    def hand_out(self) -> Iterator[tuple[str | None, Work, Roi]]:
        """Yield blocks for workers that have room; for any worker, if there is none yet."""
        self._look()
        for level in count(1):
            # One more while other scenes come: it takes the client longer to begin one than to hand out a block.
            if level > self._depth + self._more:
                break
            for worker in sorted(self._idle):
                room = level if worker in self._proved else 1
                if self._queues[worker] < room and (dealt := self._next(worker)) is not None:
                    yield worker, *dealt
        self._idle = set()
        if not self._queues and not self._running and (dealt := self._next(None)) is not None:
            self._deal.leave(None)  # whoever joins continues its span
            yield None, *dealt

    def _look(self) -> None:
        found = self._roster.addresses()
        if found != self._queues.keys():
            for gone in self._queues.keys() - found:
                self._deal.leave(gone)
            self._queues = {worker: self._queues.get(worker, 0) for worker in found}
            self._idle = {*found}

    def _next(self, worker: str | None) -> tuple[Work, Roi] | None:
        while (dealt := self._deal.take(worker)) is None:
            work = next(self._coming, None) if self._more else None
            if work is None:
                self._more = False
                self._deal.share()
                return self._deal.take(worker)
            self._left[work] = len(work.jobs)
            parts = min(len(self._queues), len(work.jobs) // _BLOCKS_EACH)
            stride = work.jobs[0].plan.lattice.rows.stride
            self._deal.add(work, [job.block for job in work.jobs], parts=max(1, parts), stride=stride)
        return dealt

    def began(self, future: "Future[Any]", work: Work, worker: str | None) -> None:
        """Record a block that was handed out."""
        self._running[future] = work, worker
        if worker in self._queues:
            self._queues[worker] += 1

    def scene(self, future: "Future[Any]") -> Work | None:
        """Return the scene of a block; None if it was dropped."""
        return self._running.get(future, (None,))[0]

    def ended(self, future: "Future[Any]", seconds: float) -> None:
        """Record a finished block, and how long it took."""
        self._depth = min(_MOST_QUEUED, ceil(_QUEUED_S / max(seconds, 1e-3)))
        worker = self._running[future][1]
        if worker is not None:
            self._proved.add(worker)
        self._left[self._forget(future)] -= 1

    def has_ended(self, work: Work) -> bool:
        """Whether all blocks of a scene are finished; it is forgotten then."""
        if self._left[work]:
            return False
        del self._left[work]
        return True

    def drop(self, work: Work) -> "list[Future[Any]]":
        """Forget a scene; returns its blocks that are handed out."""
        self._deal.drop(work)
        del self._left[work]
        dropped = [future for future, (other, _) in self._running.items() if other is work]
        for future in dropped:
            self._forget(future)
        return dropped

    def _forget(self, future: "Future[Any]") -> Work:
        work, worker = self._running.pop(future)
        if worker in self._queues:
            self._queues[worker] -= 1
            self._idle.add(worker)
        return work
