"""Time the parts of a run."""

import time
from collections.abc import Callable


class Stopwatch:
    """Adds up the seconds of each part of a run, one part at a time."""

    def __init__(self, part: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._part = part
        self._since = now()
        self._seconds = {part: 0.0}

    def switch(self, part: str) -> None:
        """End the current part and begin another, or resume it."""
        now = self._now()
        self._seconds[self._part] += now - self._since
        self._since, self._part = now, part
        self._seconds.setdefault(part, 0.0)

    def read(self) -> dict[str, float]:
        """Read the seconds of each part, in the order of their beginnings."""
        self.switch(self._part)
        return {part: round(seconds, 2) for part, seconds in self._seconds.items()}
