"""Deal the blocks of a plan to workers, each of which goes down a column so that it scores few tiles twice."""

from collections.abc import Hashable, Sequence
from itertools import pairwise

from geoseg.tiling import Roi


class Deal:
    """Spans of blocks below each other, each worked down by one worker.

    A worker without a span takes one that nobody has, or else the lower half of the longest.
    """

    def __init__(self, blocks: Sequence[Roi], workers: int) -> None:
        order = sorted(range(len(blocks)), key=lambda number: (blocks[number][1].start, blocks[number][0].start))
        self._order = order
        columns = [blocks[number][1].start for number in order]
        edges = [place for place in range(len(order)) if place == 0 or columns[place] != columns[place - 1]]
        self._free: list[range] = []
        for start, stop in pairwise([*edges, len(order)]):
            parts = min(max(1, round(workers * (stop - start) / len(order))), stop - start)
            cuts = [start + (stop - start) * part // parts for part in range(parts + 1)]
            self._free += [range(*cut) for cut in pairwise(cuts)]
        self._free.reverse()
        self._owned: dict[Hashable, range] = {}

    def take(self, worker: Hashable) -> int | None:
        """Return the number of the block that a worker predicts next; None if all are dealt out."""
        span = self._owned.get(worker) or self._new_span()
        if not span:
            return None
        self._owned[worker] = span[1:]
        return self._order[span[0]]

    def leave(self, worker: Hashable) -> None:
        """Free the span of a worker that has left."""
        span = self._owned.pop(worker, range(0))
        if span:
            self._free.append(span)

    def _new_span(self) -> range:
        if self._free:
            return self._free.pop()
        victim = max(self._owned, key=lambda worker: len(self._owned[worker]), default=None)
        if victim is None:
            return range(0)
        span = self._owned[victim]
        kept = len(span) // 2
        self._owned[victim] = span[:kept]
        return span[kept:]
