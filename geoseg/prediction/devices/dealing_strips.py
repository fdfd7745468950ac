"""Deal the strips of a block to devices, and put the results in order."""

import threading
from collections.abc import Iterator, Sequence

from geoseg.models.engines.strips import Blended, Network
from geoseg.prediction.strips import Strip

from .strips_and_seams import Bytes, Edge, FinishedStrip, Seam, SeamWork, StripWork


class Dealer:
    """Strips and seams of a block as work for the threads of several devices.

    A strip is kept until its seams are joined, so that another device can repeat the work of one that fails. At most
    `ahead` strips are kept that have not been yielded.
    """

    def __init__(self, rows: range, seams: range, networks: Sequence[Network], *, ahead: int) -> None:
        self._rows = rows
        self._networks = tuple(networks)
        self._active = list(networks)
        self._ahead = ahead
        self._next = rows.start
        self._strips: dict[int, StripWork] = {}
        self._seams = {row: SeamWork() for row in seams}
        self._warnings: list[str] = []
        self._error: Exception | None = None
        self._closed = False
        # Reentrant: the collector may close the iterator, and so this, in any thread.
        self._changed = threading.Condition(threading.RLock())

    def put(self, strip: Strip) -> bool:
        """Add a strip, and wait for room for the next; False if no more are wanted."""
        with self._changed:
            self._strips[strip.row] = StripWork(strip)
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
                    self._seams[seam.row].taker = network
                    return seam
                row = min((row for row, work in self._strips.items() if work.waits), default=None)
                if row is not None:
                    self._strips[row].taker = network
                    return self._strips[row].strip
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
            work = self._strips.get(strip.row)
            if work is not None and work.taker is network:
                work.edges = Edge(network, blended.top), Edge(network, blended.bottom)
                if strip.row >= self._next:
                    work.middle = middle
                self._release(strip.row)
                self._changed.notify_all()

    def joined(self, seam: Seam, finished: Bytes) -> None:
        """Take the bytes of a seam back."""
        with self._changed:
            work = self._seams[seam.row]
            if not work.is_joined:
                work.is_joined, work.finished = True, finished
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
            for work in self._strips.values():
                if work.taker is network:
                    work.taker = work.edges = None
            # So are seams that others have taken with a side of this one: whichever comes first counts.
            lost = {row for row, work in self._strips.items() if work.waits}
            for row, seam in self._seams.items():
                if seam.taker is network or lost.intersection(self._sides(row)):
                    seam.taker = None
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
        row, work = self._next, self._strips[self._next]
        assert work.middle is not None  # it is finished
        finished = FinishedStrip(
            strip=work.strip,
            top=self._bytes_of(row),
            middle=work.middle,
            bottom=self._bytes_of(row + 1) if self._ends_with_seam(row) else None,
        )
        work.middle = None
        self._next += 1
        self._release(row)
        self._changed.notify_all()
        return finished

    def _bytes_of(self, seam: int) -> Bytes | None:
        """Hand over the bytes of a seam, if it exists."""
        if seam not in self._seams:
            return None
        finished, self._seams[seam].finished = self._seams[seam].finished, None
        return finished

    def _is_finished(self, row: int) -> bool:
        needed = [row] * (row in self._seams) + [row + 1] * self._ends_with_seam(row)
        is_blended = row in self._strips and self._strips[row].middle is not None
        return is_blended and all(self._seams[seam].finished is not None for seam in needed)

    def _ends_with_seam(self, row: int) -> bool:
        return row + 1 == self._rows.stop and row + 1 in self._seams

    def _sides(self, seam: int) -> list[int]:
        """Strips of the block on either side of a seam."""
        return [row for row in (seam - 1, seam) if row in self._rows]

    def _ready_seam(self, network: Network) -> Seam | None:
        """Return the first seam whose sides are there and that nobody has taken, if the network has one of them."""
        for row in sorted(self._seams.keys() & {seam for strip in self._strips for seam in (strip, strip + 1)}):
            if self._seams[row].is_joined or self._seams[row].taker is not None:
                continue
            works = {side: self._strips[side] for side in self._sides(row) if side in self._strips}
            blended = {side: work.edges for side, work in works.items() if work.edges is not None}
            has_one = any(edges[0].network is network for edges in blended.values())
            if has_one and len(blended) == len(self._sides(row)):
                above = blended[row - 1][1] if row - 1 in blended else None
                below = blended[row][0] if row in blended else None
                return Seam(row=row, above=above, below=below)
        return None

    def _release(self, row: int) -> None:
        """Forget the scores of a strip once its seams are joined, and the strip once it is also yielded."""
        work = self._strips[row]
        seams = [self._seams[seam] for seam in (row, row + 1) if seam in self._seams]
        if work.edges is not None and all(seam.is_joined for seam in seams):
            work.taker = work.edges = None
            work.is_joined = True
        if row < self._next and work.is_joined:
            del self._strips[row]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
