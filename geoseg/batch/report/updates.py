"""Keep the report of a running batch up to date."""

import time
from collections.abc import Collection, Mapping
from pathlib import Path

from geoseg.batch.events import Ended, Event, Listener, SceneDone, SceneFailed
from geoseg.batch.manifest import Record
from geoseg.errors import OutputError
from geoseg.rasters.georeference import warn

from .page import write_report


def with_report(
    listener: Listener, folder: Path, records: Mapping[str, Record], scenes: Collection[str], *, every_s: float = 30.0
) -> Listener:
    """Return a listener that also writes the report, when a scene ends and at most every few seconds, and at the end.

    `records` are those of the folder, by scene, as they are at that time, and `scenes` those of this batch. A report
    that cannot be written is a GeosegWarning: it does not end a batch.
    """
    written: float | None = None

    def listen(event: Event) -> None:
        nonlocal written
        listener(event)
        stale = written is None or time.monotonic() - written >= every_s
        if isinstance(event, Ended) or (stale and isinstance(event, SceneDone | SceneFailed)):
            # Copied at once, since another thread adds records.
            known = dict(records)
            try:
                write_report(known.values(), folder, scenes=len(known.keys() | set(scenes)))
            except OutputError as error:
                warn(str(error))
            written = time.monotonic()

    return listen
