"""Keep one device busy with strips and seams."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.models.engines.strips import Blended, Layout, Network
from geoseg.models.legend import NODATA
from geoseg.prediction.holes import fill_strip
from geoseg.prediction.strips import Strip
from geoseg.prediction.timings import Timings

from .dealing_strips import Dealer
from .strips_and_seams import Seam

Weights = Callable[[int], npt.NDArray[np.float32]]
"""Weights of the rows of a strip `(side,)`, by its number."""

IN_FLIGHT = 2
"""Strips given to a device at a time: while it computes one, the next is uploaded and the last one downloaded."""


@dataclass
class _Flight:
    """Work given to a device."""

    job: Strip | Seam
    begun: Any = None
    """Arrays that the device computes; None before it has the work."""


class Driver:
    """Gives the work of a dealer to one device."""

    def __init__(
        self, layout: Layout, weights: Weights, network: Network, dealer: Dealer, clock: Timings | None = None
    ) -> None:
        self._clock = clock or Timings()
        self._layout = layout
        self._weights = weights
        self._network = network
        self._dealer = dealer
        self._flights: deque[_Flight] = deque()

    def run(self) -> None:
        """Work until there is no more, or the device fails."""
        with self._clock.busy("network"):
            while self._dealer.wants(self._network):
                self.step(wait=True)

    def step(self, *, wait: bool) -> None:
        """Take one job, with `wait` as soon as there is one, and wait for bytes if the device has enough to do."""
        with self._clock.waiting("network"):
            job = self._dealer.take(self._network, wait=wait and not self._flights)
        if job is not None and not self._finish_empty(job):
            self._flights.append(_Flight(job))
        try:
            for flight in self._flights:
                if flight.begun is None:
                    flight.begun = self._begin(flight.job)
            if job is None and self._flights:
                self._finish_oldest()
            while self._strips_in_flight() >= IN_FLIGHT:
                self._finish_oldest()
        except Exception as error:  # noqa: BLE001 - what cannot be dealt with reaches the consumer
            self._recover(error)

    def _finish_empty(self, job: Strip | Seam) -> bool:
        """Finish a job without data, which needs no device; return whether it is one."""
        side, overlap = self._layout.side, self._layout.overlap
        columns = self._layout.pieces * self._layout.stride
        if isinstance(job, Strip) and not job.with_data.any():
            empty = Blended(top=None, bottom=None, middle=None)
            self._dealer.blended(self._network, job, empty, _nothing(side - 2 * overlap, columns))
        elif isinstance(job, Seam) and all(edge.scores is None for edge in job.edges):
            self._dealer.joined(job, _nothing(overlap, columns))
        else:
            return False
        return True

    def _recover(self, error: Exception) -> None:
        """Begin all work in flight again after an error; give up the device if nothing else helps."""
        try:
            if not self._blame_others():
                self._dealer.warn(self._network.lower_batch(error))
        except Exception as fatal:  # noqa: BLE001
            self._dealer.drop(self._network, fatal)
            self._flights.clear()
        for flight in self._flights:
            flight.begun = None

    def _strips_in_flight(self) -> int:
        return sum(isinstance(flight.job, Strip) for flight in self._flights)

    def _begin(self, job: Strip | Seam) -> Any:  # noqa: ANN401
        if isinstance(job, Seam):
            above, below = (None if edge is None else edge.scores for edge in (job.above, job.below))
            return self._network.join(below, above, self._layout.layers)
        pixels, layout = fill_strip(job, self._layout)
        return self._network.blend(pixels, job.with_data, self._weights(job.row), layout)

    def _finish_oldest(self) -> None:
        """Wait for the bytes of the oldest job."""
        flight = self._flights[0]
        if isinstance(flight.job, Seam):
            self._dealer.joined(flight.job, self._network.download(flight.begun))
        else:
            middle = self._network.download(flight.begun.middle)
            self._dealer.blended(self._network, flight.job, flight.begun, middle)
        self._flights.popleft()

    def _blame_others(self) -> bool:
        """Whether an error is that of another device, whose scores cannot be read: it is dropped, with their seams."""
        lost = set()
        for flight in self._flights:
            for edge in flight.job.edges if isinstance(flight.job, Seam) else ():
                if edge.network is not self._network and edge.scores is not None:
                    try:
                        edge.network.download(edge.scores)
                    except Exception as error:  # noqa: BLE001 - reported for that device
                        self._dealer.drop(edge.network, error)
                        lost.add(id(flight))
        self._flights = deque(flight for flight in self._flights if id(flight) not in lost)
        return bool(lost)


def _nothing(rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """Return bytes `(1, rows, columns)` without data, which take no memory."""
    return np.broadcast_to(np.uint8(NODATA), (1, rows, columns))
