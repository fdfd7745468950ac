"""Tables, progress and status on the terminal, by rich."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

from geoseg.models.texts import escaped


def make_console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Make a console on standard output or error that prints names as they are, but for control characters."""
    stream = sys.stderr if stderr else sys.stdout
    # File names may hold brackets and colons.
    return _Plain(file=getattr(stream, "styled", stream), quiet=quiet, markup=False, emoji=False)


@contextmanager
def status(text: str) -> Iterator[Callable[[str], None]]:
    """Show a line while a command runs on a terminal; yields a function that replaces it."""
    with make_console(stderr=True).status(Text(text)) as shown:
        yield lambda text: shown.update(Text(escaped(text)))


class _Plain(Console):
    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - rich's own
        return super().render_str(escaped(text, keep="\n"), **options)
