"""Progress and status on the terminal, by rich."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.text import Text

from geoseg.models.texts import escaped

from .progress import is_json, json_progress

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


def make_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Make a console on standard output or error that prints names verbatim, except for control characters."""
    stream = sys.stderr if stderr else sys.stdout
    # File names may hold brackets and colons.
    return _Plain(file=getattr(stream, "styled", stream), quiet=quiet, markup=False, emoji=False)


class Show(Protocol):
    """Shows a text; JSON progress also reports the units done and their total, 0 if unknown."""

    def __call__(self, text: str, done: int = 0, total: int = 0) -> None:
        """Replace what is shown."""


@contextmanager
def status(text: str) -> Iterator[Show]:
    """Show a line while a command runs on a terminal, or JSON progress; yields a function that replaces it."""
    if is_json():
        report = json_progress()
        report(0, 0, text)
        yield lambda text, done=0, total=0: report(done, total, text)
        return
    with make_console(stderr=True).status(Text(text)) as shown:
        yield lambda text, done=0, total=0: shown.update(Text(escaped(text)))


def pixel_bars(console: Console) -> "Progress":
    """Make progress bars for the pixels of scenes; tasks have the field `rate`."""
    from rich.progress import TextColumn

    return progress_bars(console, TextColumn("{task.fields[rate]}"))


def progress_bars(console: Console, *columns: "ProgressColumn", pace_s: float = 30) -> "Progress":
    """Make progress bars, removed at the end, with columns between the bar and the times.

    The time left is estimated from the last `pace_s` seconds.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *columns,
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        # On a terminal, a quiet bar would hide warnings and errors.
        disable=console.quiet or not console.is_terminal or is_json(),
        speed_estimate_period=pace_s,
    )


class _Plain(Console):
    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - rich's own
        return super().render_str(escaped(text, keep="\n"), **options)
