"""Predict many scenes as one job, which skips what is done and survives what fails."""

import time
from collections.abc import Sequence, Set
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Unpack

from geoseg.errors import OutputError, UsageError
from geoseg.models.bundle import read_card
from geoseg.models.engines.engine import Loader
from geoseg.models.engines.registry import load_engine
from geoseg.models.graph.size import read_size
from geoseg.models.shipped import DEFAULT_MODEL, find_model
from geoseg.prediction.executors import Executor, LocalExecutor, choose_runtime
from geoseg.prediction.naming import DEFAULT_NAME
from geoseg.prediction.plan import Plan
from geoseg.prediction.pooling import pool_stretch
from geoseg.prediction.run import Run, plan_scene
from geoseg.prediction.settings import Options, Settings
from geoseg.rasters.stac import Asset

from .events import Ended, Event, Listener, SceneDone, SceneFailed
from .job import Job, Summary
from .manifest import Manifest, open_manifest
from .members import name_members
from .report.page import REPORT, write_report

_REPORT_S = 30
"""Between two reports, at least."""


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
    """Predict scenes, and record in the folder's manifest what becomes of each, and in a report.

    Scenes that the manifest says are done are skipped, if model, settings and scene are the same and their results are
    as they were written. A scene that fails does not stop the others.

    Parameters
    ----------
    inputs
        Scenes, as `find_scenes` returns them.
    folder
        Folder for results and manifest, created if missing.
    retries
        How many times a scene that fails is tried again, after all others; not one that would be refused
        again, such as a file that does not exist or has no georeference.
    overwrite
        Replace existing results of other settings, or that the manifest does not know. Results that it knows, and that
        were changed or lost since, are made again in any case.
    on_event
        Called with each event, in the thread of the caller.
    model, executor, name, load, **options
        As `predict` takes them.

    Raises
    ------
    UsageError, BundleError, DataError, OutputError
        For what concerns all scenes, or if the manifest cannot be written.
    """
    if retries < 0:
        raise UsageError(f"`retries` must be 0 or more, got {retries}.")
    started = time.monotonic()
    members = name_members(inputs, name)
    settings, bundle, folder = Settings(**options), find_model(model).absolute(), Path(folder).absolute()
    card, network = read_card(bundle), read_size(bundle)
    if settings.stretch == "joint":
        settings = pool_stretch(inputs, card, settings)
    runtime = choose_runtime(settings, load, executor)
    executor = executor or LocalExecutor()
    workers = executor.workers

    def plan(source: str | Asset, named: str) -> Plan:
        return plan_scene(source, card, settings, network=network, runtime=runtime, name=named, workers=workers)

    begin = partial(Run, bundle=bundle, load=load or load_engine, folder=folder, executor=executor)
    with open_manifest(folder) as manifest:
        reported = _Reported(manifest, {member.key for member in members}, on_event)
        job = Job(
            folder=folder,
            bundle=bundle,
            manifest=manifest,
            on_event=reported,
            plan=plan,
            begin=begin,
            executor=executor,
        )
        waiting = job.start(members, overwrite=overwrite)
        for attempt in range(1, retries + 2):
            waiting = job.attempt(waiting, attempt, last=attempt > retries)
        return job.end(time.monotonic() - started)


class _Reported:
    """A listener that writes the report of what it hears, now and then and at the end."""

    def __init__(self, manifest: Manifest, scenes: Set[str], then: Listener) -> None:
        self._manifest, self._scenes, self._then = manifest, scenes, then
        self._new = not (manifest.path.parent / REPORT).exists()
        self._due = time.monotonic() + _REPORT_S

    def __call__(self, event: Event) -> None:
        self._then(event)
        self._new |= isinstance(event, SceneDone | SceneFailed)
        if self._new and isinstance(event, Ended):
            self._write()
        elif self._new and time.monotonic() >= self._due:
            with suppress(OutputError):  # raised at the end, if it lasts
                self._write()
            self._due = time.monotonic() + _REPORT_S

    def _write(self) -> None:
        records = self._manifest.records
        write_report(list(records.values()), self._manifest.path.parent, scenes=len(records.keys() | self._scenes))
        self._new = False
