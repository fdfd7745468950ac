"""Progress as JSON lines on standard error, for programs that run `geoseg --json-progress COMMAND`."""

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from geoseg.tiling.progress import Progress

_STEPS = 200
"""Maximum number of events for one total: one for each half per cent."""


def is_json() -> bool:
    """Whether the running command was called with `--json-progress`."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.find_root().params.get("json_progress"))


def wanted_progress() -> "Progress":
    """Return `json_progress` if the running command was called with it, else a callback that reports nothing."""
    from geoseg.tiling.progress import no_progress  # imports NumPy

    return json_progress() if is_json() else no_progress


def json_progress() -> "Progress":
    """Return a callback that prints an event for each further step; a total of 0 means unknown.

    `{"event": "progress", "text": "suburb.tif", "done": 65536, "total": 262144}`
    """
    shown: tuple[int | str, int] | None = None

    def report(done: int, total: int, text: str) -> None:
        nonlocal shown
        step = (done * _STEPS // total, total) if total else (text, 0)
        if step != shown:
            shown = step
            click.echo(json.dumps({"event": "progress", "text": text, "done": done, "total": total}), err=True)

    return report
