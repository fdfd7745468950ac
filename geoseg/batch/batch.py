"""Predict many scenes as one job, which skips scenes that are done and continues after failures."""

import time
from collections.abc import Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import Unpack

from geoseg.errors import OutputError, UsageError
from geoseg.models.engines.engine import Loader
from geoseg.models.shipped import DEFAULT_MODEL
from geoseg.prediction.executors import Executor
from geoseg.prediction.naming import DEFAULT_NAME
from geoseg.prediction.prepare import prepare
from geoseg.prediction.settings import Options
from geoseg.rasters.stac import Asset

from .events import Ended, Event, Listener
from .job import Job, Summary
from .joint import share_stretch
from .manifest import Manifest, open_manifest
from .members import name_members
from .report import REPORT, check_report, write_report

_REPORT_S = 30
"""Minimum time between two versions of the report."""


def batch(
    inputs: Sequence[str | Asset],
    *,
    folder: str | Path,
    model: str | Path = DEFAULT_MODEL,
    executor: Executor | None = None,
    retries: int = 0,
    name: str = DEFAULT_NAME,
    overwrite: bool = False,
    load: Loader | None = None,
    on_event: Listener = lambda _event: None,
    **options: Unpack[Options],
) -> Summary:
    """Predict scenes, and record the outcome of each in the folder's manifest and in a report.

    Scenes that are done according to the manifest are skipped, provided that model, settings and scene are the same and
    their results are unchanged. A scene that fails does not stop the others.

    Parameters
    ----------
    inputs
        Scenes, as `find_scenes` returns them.
    folder
        Folder for results and manifest, created if missing.
    retries
        Number of further attempts at a scene that failed, after all others. Scenes that would fail again, such as a
        missing file or one without a georeference, are not retried.
    overwrite
        Replace existing results that were made with other settings or are not in the manifest. Results in the manifest
        that have changed or are missing are made again in any case.
    on_event
        Called with each event, in the caller's thread.
    model, executor, name, load, **options
        As in `predict`.

    Raises
    ------
    UsageError, BundleError, DataError, OutputError
        For errors that concern all scenes, or if the manifest or the report cannot be written.
    """
    if retries < 0:
        raise UsageError(f"`retries` must be 0 or more, got {retries}.")
    started = time.monotonic()
    members = name_members(inputs, name)
    folder = Path(folder).absolute()
    asked = prepare(model, options, executor=executor, load=load)
    check_report(folder)
    with open_manifest(folder) as manifest:
        prepared, shared = share_stretch(asked, members, manifest, overwrite=overwrite)
        reported = _Reported(manifest, {member.key for member in members}, on_event)
        job = Job(folder=folder, prepared=prepared, manifest=manifest, on_event=reported, shared=shared)
        waiting = job.start(members, overwrite=overwrite)
        for attempt in range(1, retries + 2):
            waiting = job.attempt(waiting, attempt, last=attempt > retries)
        return job.end(time.monotonic() - started)


class _Reported:
    """A listener that passes events on, and writes the report from time to time and at the end."""

    def __init__(self, manifest: Manifest, scenes: Set[str], then: Listener) -> None:
        self._manifest, self._scenes, self._then = manifest, scenes, then
        self._due = time.monotonic() + _REPORT_S

    def __call__(self, event: Event) -> None:
        self._then(event)
        if isinstance(event, Ended):
            self._write()
        elif time.monotonic() >= self._due:
            with suppress(OutputError):  # raised at the end, if it persists
                self._write()
            self._due = time.monotonic() + _REPORT_S

    def _write(self) -> None:
        """Write the report, unless it is newer than the manifest."""
        manifest, records = self._manifest.path, self._manifest.records
        report = manifest.with_name(REPORT)
        if not report.exists() or report.stat().st_mtime_ns <= manifest.stat().st_mtime_ns:
            write_report(list(records.values()), manifest.parent, scenes=len(records.keys() | self._scenes))
