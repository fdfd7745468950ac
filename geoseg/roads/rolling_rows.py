"""Windows of a raster whose rows arrive from top to bottom."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from geoseg.models.legend import NODATA
from geoseg.tiling import is_repeated

from .arrays import Bytes


class RollingRows:
    """Rows `(rows, columns)` that arrive in parts, held from the first row of the last window read.

    `read` therefore takes windows whose first rows never move up; it waits for parts that have not arrived.
    """

    def __init__(self, parts: Iterable[Bytes]) -> None:
        self._parts = iter(parts)
        self._held: deque[Bytes] = deque()
        self._top = self._bottom = 0
        """First row held, and first row that has not arrived."""

    def read(self, rows: slice, cols: slice) -> Bytes:
        """Return a window; raises ValueError if its rows are no longer held, or never arrive."""
        self._hold(rows)
        return np.concatenate([part[:, cols] for part in self._parts_of(rows)])

    def are_nodata(self, rows: slice) -> bool:
        """Whether rows are known to be nodata in all columns, without a look at them; raises ValueError as `read`."""
        self._hold(rows)
        return all(is_repeated(part) and part[0, 0] == NODATA for part in self._parts_of(rows))

    def _parts_of(self, rows: slice) -> Iterator[Bytes]:
        """Yield the held parts of rows."""
        top = self._top
        for part in self._held:
            inside = part[max(rows.start - top, 0) : max(rows.stop - top, 0)]
            if len(inside):
                yield inside
            top += len(part)

    def _hold(self, rows: slice) -> None:
        """Wait for rows, and free those above."""
        if rows.start < self._top:
            raise ValueError(f"Row {rows.start} was requested after row {self._top}, when it was no longer held.")
        while self._bottom < rows.stop:
            part = next(self._parts, None)
            if part is None:
                raise ValueError(f"Rows end at {self._bottom}, before row {rows.stop}.")
            self._held.append(part)
            self._bottom += len(part)
            self._drop(rows.start)
        self._drop(rows.start)

    def _drop(self, first: int) -> None:
        """Free parts above a row."""
        while self._held and self._top + len(self._held[0]) <= first:
            self._top += len(self._held.popleft())
