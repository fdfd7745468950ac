"""Deal the blocks of scenes to workers, each of which goes down a column so that it scores few tiles twice."""

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, floor
from typing import Generic, TypeVar

from geoseg.tiling import Roi

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class _Span(Generic[S]):
    """Blocks of a scene below each other."""

    scene: S
    blocks: Sequence[Roi]
    """All of the scene, column by column."""
    places: range
    """Those of the span, at least one."""
    stride: int
    """Pixels from one row of tiles to the next."""

    def kept(self) -> int:
        """Return how many blocks the owner keeps, to end at about the same time as the worker that takes the rest.

        The owner is in the middle of a block before them; the other scores a row of tiles twice.
        """
        rows, _ = self.blocks[self.places[0]]
        height: float = (rows.stop - rows.start) / self.stride
        count = len(self.places)

        def end(kept: int) -> float:
            return max((kept + 1 / 2) * height, (count - kept) * height + 1)

        even = min(count / 2 + 1 / (2 * height) - 1 / 4, count)
        return min(ceil(even), floor(even), key=end)  # of both as good, the first: more is kept


class Deal(Generic[S]):
    """Spans of blocks, each worked down by one worker.

    A worker without a span takes the first that nobody has, or, where that is asked for, the lower part of the longest.
    """

    def __init__(self) -> None:
        self._free: deque[_Span[S]] = deque()
        self._owned: dict[Hashable, _Span[S]] = {}

    def add(self, scene: S, blocks: Sequence[Roi], *, parts: int, stride: int) -> None:
        """Add the blocks of a scene, in about `parts` spans; `stride` is that of its rows of tiles, in pixels."""
        order = sorted(blocks, key=lambda block: (block[1].start, block[0].start))
        columns = [block[1].start for block in order]
        edges = [place for place in range(len(order)) if place == 0 or columns[place] != columns[place - 1]]
        for start, stop in pairwise([*edges, len(order)]):
            count = min(max(1, round(parts * (stop - start) / len(order))), stop - start)
            cuts = [start + (stop - start) * part // count for part in range(count + 1)]
            self._free.extend(
                _Span(scene=scene, blocks=order, places=range(*cut), stride=stride) for cut in pairwise(cuts)
            )

    def take(self, worker: Hashable) -> tuple[S, Roi] | None:
        """Return the scene and block that a worker predicts next; None if it has no span, and no other is free."""
        span = self._owned.pop(worker, None)
        if span is None:
            if not self._free:
                return None
            span = self._free.popleft()
        if len(span.places) > 1:
            self._owned[worker] = replace(span, places=span.places[1:])
        return span.scene, span.blocks[span.places[0]]

    def share(self) -> None:
        """Free the lower part of the longest span, unless its owner would finish it as soon."""
        if not self._owned:
            return
        owner = max(self._owned, key=lambda worker: len(self._owned[worker].places))
        span = self._owned[owner]
        kept = span.kept()
        if kept == len(span.places):
            return
        del self._owned[owner]
        if kept:
            self._owned[owner] = replace(span, places=span.places[:kept])
        self._free.append(replace(span, places=span.places[kept:]))

    def leave(self, worker: Hashable) -> None:
        """Free the span of a worker that has left."""
        if worker in self._owned:
            self._free.appendleft(self._owned.pop(worker))

    def drop(self, scene: S) -> None:
        """Forget the blocks of a scene."""
        self._free = deque(span for span in self._free if span.scene != scene)
        self._owned = {worker: span for worker, span in self._owned.items() if span.scene != scene}
