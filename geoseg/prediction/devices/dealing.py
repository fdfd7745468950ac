"""Deal the strips of a block to devices, and put the results in order."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.models.engines.strips import Blended, Network
from geoseg.prediction.strips import Strip

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Edge:
    """Scores of a strip that wait for those of its neighbour, on the device that blended it."""

    network: Network
    scores: Any
    """None if the strip has no data."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Seam:
    """The rows that strip `row` shares with the one above; None stands for a strip beyond the scene's border."""

    row: int
    above: Edge | None
    below: Edge | None

    @property
    def edges(self) -> list[Edge]:
        """The sides that exist."""
        return [edge for edge in (self.above, self.below) if edge is not None]


@dataclass(frozen=True, kw_only=True, eq=False)
class FinishedStrip:
    """A strip and its bytes `(layers, rows, columns)`: of its middle rows, and of the seams where they exist.

    One layer stands for all where there is no data.
    """

    strip: Strip
    top: Bytes | None
    middle: Bytes
    bottom: Bytes | None
    """At the end of the scene; elsewhere it is the top of the next strip."""


class Dealer:
    """Strips and seams of a block as work for the threads of several devices.

    A strip is kept until its seams are joined, so that another device can repeat the work of one that fails. At most
    `ahead` strips are kept that have not been yielded.
    """

    def __init__(self, rows: range, seams: range, networks: Sequence[Network], *, ahead: int) -> None:
        self._rows = rows
        self._seams = seams
        self._networks = tuple(networks)
        self._active = list(networks)
        self._ahead = ahead
        self._next = rows.start
        self._strips: dict[int, Strip] = {}
        self._waiting: list[int] = []
        self._takers: dict[int, Network] = {}
        self._blended: dict[int, Blended] = {}
        self._middles: dict[int, Bytes] = {}
        self._seam_takers: dict[int, Network] = {}
        self._joined: dict[int, Bytes] = {}
        self._closed_seams: set[int] = set()
        self._warnings: list[str] = []
        self._error: Exception | None = None
        self._closed = False
        # Reentrant: the collector may close the iterator, and so this, in any thread.
        self._changed = threading.Condition(threading.RLock())

    def put(self, strip: Strip) -> bool:
        """Add a strip, and wait for room for the next; False if no more are wanted."""
        with self._changed:
            self._strips[strip.row] = strip
            heappush(self._waiting, strip.row)
            self._changed.notify_all()
            self._changed.wait_for(lambda: strip.row + 1 - self._next < self._ahead or self._closed)
            return not self._closed

    def take(self, network: Network, *, wait: bool) -> Strip | Seam | None:
        """Take a seam with a side on the network's device, else the first strip that nobody has taken.

        Returns None if there is no work now; with `wait`, only if there will be none any more.
        """
        with self._changed:
            while self.wants(network):
                seam = self._ready_seam(network)
                if seam is not None:
                    self._seam_takers[seam.row] = network
                    return seam
                if self._waiting:
                    row = heappop(self._waiting)
                    self._takers[row] = network
                    return self._strips[row]
                if not wait:
                    break
                self._changed.wait()
            return None

    def wants(self, network: Network) -> bool:
        """Whether there may still be work for a network."""
        return network in self._active and not self._closed

    def blended(self, network: Network, strip: Strip, blended: Blended, middle: Bytes) -> None:
        """Take a strip back from its device, which keeps the scores at its edges."""
        with self._changed:
            if self._takers.get(strip.row) is network:
                self._blended[strip.row] = blended
                if strip.row >= self._next:
                    self._middles[strip.row] = middle
                self._release(strip.row)
                self._changed.notify_all()

    def joined(self, seam: Seam, finished: Bytes) -> None:
        """Take the bytes of a seam back."""
        with self._changed:
            if seam.row not in self._closed_seams:
                self._closed_seams.add(seam.row)
                self._joined[seam.row] = finished
                for row in self._sides(seam.row):
                    self._release(row)
                self._changed.notify_all()

    def warn(self, sentence: str) -> None:
        """Make the consumer's thread warn."""
        with self._changed:
            self._warnings.append(sentence)
            self._changed.notify_all()

    @property
    def halved(self) -> bool:
        """Whether a device has halved its batch, in this block or an earlier one."""
        return any(network.halved for network in self._networks)

    def drop(self, network: Network, error: Exception) -> None:
        """Give no more work to a network, and the work that is lost with its device to others."""
        with self._changed:
            if network not in self._active:
                return
            self._active.remove(network)
            if not self._active:
                self.fail(error)
                return
            for row in [row for row, taker in self._takers.items() if taker is network]:
                del self._takers[row]
                self._blended.pop(row, None)
                heappush(self._waiting, row)
            # So are seams that others have taken with a side of this one: whichever comes first counts.
            lost = set(self._waiting)
            for seam, taker in list(self._seam_takers.items()):
                if taker is network or lost.intersection(self._sides(seam)):
                    del self._seam_takers[seam]
            others = ", ".join(other.name for other in self._active)
            self.warn(f"{network.name} failed ({_first_line(error)}); its work continues on {others}.")

    def fail(self, error: Exception) -> None:
        """Make the consumer raise an error."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def close(self) -> None:
        """Give no more work."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def next_finished(self, *, wait: bool) -> tuple[list[str], FinishedStrip | None]:
        """Return the next strip in order, None if it is not finished, and sentences to warn with.

        With `wait`, waits until there is either. Raises the error of the reader or of the last network.
        """
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._warnings or self._error or self._is_finished(self._next))
            sentences, self._warnings = self._warnings, []
            if self._is_finished(self._next):
                return sentences, self._yielded()
            if self._error is not None and not sentences:
                raise self._error
            return sentences, None

    def __iter__(self) -> Iterator[int]:
        """Yield the rows that are not yet yielded."""
        while self._next < self._rows.stop:
            yield self._next

    def _yielded(self) -> FinishedStrip:
        row = self._next
        bottom = self._joined.pop(row + 1) if self._ends_with_seam(row) else None
        finished = FinishedStrip(
            strip=self._strips[row],
            top=self._joined.pop(row, None),
            middle=self._middles.pop(row),
            bottom=bottom,
        )
        self._next += 1
        self._release(row)
        self._changed.notify_all()
        return finished

    def _is_finished(self, row: int) -> bool:
        needed = [row] * (row in self._seams) + [row + 1] * self._ends_with_seam(row)
        return row in self._middles and all(seam in self._joined for seam in needed)

    def _ends_with_seam(self, row: int) -> bool:
        return row + 1 == self._rows.stop and row + 1 in self._seams

    def _sides(self, seam: int) -> list[int]:
        """Strips of the block on either side of a seam."""
        return [row for row in (seam - 1, seam) if row in self._rows]

    def _ready_seam(self, network: Network) -> Seam | None:
        """Return the first seam whose sides are there and that nobody has taken, if the network has one of them."""
        near = {seam for row in self._blended for seam in (row, row + 1)}.intersection(self._seams)
        for seam in sorted(near - self._closed_seams - self._seam_takers.keys()):
            sides = self._sides(seam)
            if all(side in self._blended for side in sides) and any(self._takers[side] is network for side in sides):
                above = Edge(self._takers[seam - 1], self._blended[seam - 1].bottom) if seam - 1 in sides else None
                below = Edge(self._takers[seam], self._blended[seam].top) if seam in sides else None
                return Seam(row=seam, above=above, below=below)
        return None

    def _release(self, row: int) -> None:
        """Forget the scores of a strip once its seams are joined, and the strip once it is also yielded."""
        seams = {row, row + 1}.intersection(self._seams)
        if seams <= self._closed_seams and row in self._blended:
            del self._blended[row], self._takers[row]
        if row < self._next and row not in self._takers and row not in self._waiting:
            self._strips.pop(row, None)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
