"""Predict many scenes as one job, which skips what is done and survives what fails."""

import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Unpack

from geoseg.errors import UsageError
from geoseg.models.bundle import read_card
from geoseg.models.engines.engine import Loader
from geoseg.models.engines.registry import load_engine
from geoseg.models.shipped import DEFAULT_MODEL, find_model
from geoseg.prediction.executors import Executor, choose_runtime
from geoseg.prediction.naming import DEFAULT_NAME, name_results
from geoseg.prediction.plan import Plan
from geoseg.prediction.pooling import pool_stretch
from geoseg.prediction.run import Run, plan_scene
from geoseg.prediction.settings import Options, Settings
from geoseg.rasters.open import legible, on_disk
from geoseg.rasters.servers import without_secrets
from geoseg.rasters.stac import Asset

from .events import Listener
from .job import Job, Member, Summary
from .manifest import open_manifest


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
    """Predict scenes one after the other, and record in the folder's manifest what becomes of each.

    Scenes that the manifest says are done are skipped, if model, settings and scene are the same and their results are
    as they were written. A scene that fails does not stop the others.

    Parameters
    ----------
    inputs
        Scenes, as `find_scenes` returns them.
    folder
        Folder for results and manifest, created if missing.
    retries
        How many times a scene that fails is tried again, after all others.
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
    members = _name(inputs, name)
    settings, bundle, folder = Settings(**options), find_model(model).absolute(), Path(folder).absolute()
    card = read_card(bundle)
    if settings.stretch == "joint":
        settings = pool_stretch(inputs, card, settings)
    runtime = choose_runtime(settings, load, executor)
    workers = 1 if executor is None else executor.workers

    def plan(source: str | Asset, named: str) -> Plan:
        return plan_scene(source, card, settings, runtime=runtime, name=named, workers=workers)

    begin = partial(Run, bundle=bundle, load=load or load_engine, folder=folder, executor=executor)
    with open_manifest(folder) as manifest:
        job = Job(folder=folder, bundle=bundle, manifest=manifest, on_event=on_event, plan=plan, begin=begin)
        waiting = job.start(members, overwrite=overwrite)
        for attempt in range(1, retries + 2):
            waiting = job.attempt(waiting, attempt, last=attempt > retries)
        return job.end(time.monotonic() - started)


def _name(inputs: Sequence[str | Asset], template: str) -> list[Member]:
    """Name the scenes: in the manifest by place, without the secrets of a URL, which another run may lack."""
    places = [each.source if isinstance(each, Asset) else each for each in inputs]
    keys = [legible(without_secrets(str(Path(each).absolute()) if on_disk(each) else each)) for each in places]
    repeated = {key for key, count in Counter(keys).items() if count > 1}
    names = map(legible, name_results(inputs, template))
    members = []
    for source, place, key, named in zip(inputs, places, keys, names, strict=True):
        # Scenes may differ by a URL's query alone.
        mark = f"#{sha256(place.encode()).hexdigest()[:8]}" if key in repeated else ""
        members.append(Member(source=source, key=key + mark, name=named))
    if len({member.key for member in members}) < len(members):
        raise UsageError(f"{min(repeated)} is given several times; give it once.")
    return members
