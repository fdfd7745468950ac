"""Callback for the progress of long calls."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with the units done, the units in all, and a short text on the current item, which may be empty."""


def no_progress(done: int, total: int, item: str) -> None:
    """Report nothing."""
