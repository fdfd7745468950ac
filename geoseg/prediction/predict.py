"""Predict scenes: from rasters to class rasters and road networks on disk."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack

from geoseg.errors import MismatchError, OutputError, SceneError
from geoseg.models.bundle import read_card
from geoseg.models.engines.engine import Loader
from geoseg.models.engines.registry import load_engine
from geoseg.models.shipped import DEFAULT_MODEL, find_model
from geoseg.rasters.stac import Asset
from geoseg.tiling import GRACE_S, in_thread
from geoseg.tiling.progress import Progress, no_progress

from .executors import Executor, choose_runtime
from .naming import DEFAULT_NAME, name_results
from .pooling import pool_stretch
from .results import Prediction
from .run import Run
from .settings import Options, Settings


def predict(
    source: str | Path | Asset,
    *,
    model: str | Path = DEFAULT_MODEL,
    folder: str | Path = ".",
    name: str = DEFAULT_NAME,
    overwrite: bool = False,
    executor: Executor | None = None,
    load: Loader | None = None,
    progress: Progress = no_progress,
    **options: Unpack[Options],
) -> Prediction:
    """Predict the classes and roads of a scene, and write them to `folder`.

    A stopped run resumes when called again with the same arguments.

    Parameters
    ----------
    source
        Raster file, VRT or URL for GDAL, or a STAC item's asset as `read_assets` returns it.
    model
        Name of a shipped model, or path of a bundle.
    folder
        Folder for the results, created if missing.
    name
        What results are named after: a template with the fields `{stem}`, `{parent}` and `{n}`; see `name_results`.
    overwrite
        Replace existing results.
    executor
        Runs the blocks: `LocalExecutor()` by default, or `DaskExecutor(client=…)`.
    load
        Loads an engine from a bundle, in place of `engine`, `precision` and `devices`.
    progress
        Called with finished pixels, all pixels, and a text that explains a slow first run on a machine, else `""`.
    **options
        Fields of `Settings`.

    Raises
    ------
    SceneError, BundleError, OutputError, UsageError
        With one sentence: what was found, what was expected, what to do.
    """
    settings = Settings(**options)
    (named,) = name_results([source], name)
    run = Run(
        source,
        find_model(model),
        settings,
        runtime=choose_runtime(settings, load, executor),
        load=load or load_engine,
        folder=Path(folder),
        name=named,
        overwrite=overwrite,
        executor=executor,
    )
    return run.complete(progress)


OF_ONE_SCENE = SceneError, OutputError, MismatchError
"""Errors that say nothing about other scenes."""
Outcome = Prediction | SceneError | OutputError | MismatchError
"""Of one scene among several."""


def predict_each(
    sources: Iterable[str | Asset],
    *,
    model: str | Path = DEFAULT_MODEL,
    folder: str | Path = ".",
    name: str = DEFAULT_NAME,
    overwrite: bool = False,
    load: Loader | None = None,
    progress: Callable[[str], Progress] = lambda _source: no_progress,
    **options: Unpack[Options],
) -> Iterator[tuple[str, Outcome]]:
    """Predict scenes one after the other, and yield each with its result or error, in order.

    All scenes are named first: UsageError refuses one name for several, before anything is written.

    The next scene is read and scored while the files of the last are written. `progress` is asked for that of each
    scene, by its source or the id of its STAC item; the other parameters are those of `predict`. Other errors, such as
    BundleError and UsageError, end all: they are raised in place of their scene's result, after those of earlier
    scenes.
    """
    sources = list(sources)
    names = name_results(sources, name)
    settings, bundle = Settings(**options), find_model(model)
    if settings.stretch == "joint":
        settings = pool_stretch(sources, read_card(bundle), settings)
    runtime = choose_runtime(settings, load)

    def predicted(source: str | Asset, named: str) -> Run:
        run = Run(
            source,
            bundle,
            settings,
            runtime=runtime,
            load=load or load_engine,
            folder=Path(folder),
            name=named,
            overwrite=overwrite,
        )
        with ExitStack() as stack:
            stack.enter_context(run)
            run.predict(progress(source.name if isinstance(source, Asset) else source))
            stack.pop_all()
        return run

    # One is written at a time.
    writing: deque[_Writing] = deque()
    grace_s = None
    try:
        for source, named in zip(sources, names, strict=True):
            try:
                run = predicted(source, named)
            except OF_ONE_SCENE as error:
                failed: Future[Outcome] = Future()
                failed.set_result(error)
                writing.append(_Writing(_place(source), failed))
            except Exception as error:  # noqa: BLE001 - raised when it is this scene's turn
                unusable: Future[Outcome] = Future()
                unusable.set_exception(error)
                writing.append(_Writing(_place(source), unusable))
                break
            else:
                task = partial(_finish, run, after=[each.outcome for each in writing])
                writing.append(_Writing(_place(source), in_thread(task, name="finish"), run))
            if len(writing) > 1:
                yield writing[0].source, writing[0].outcome.result()
                writing.popleft()
        for each in writing:
            yield each.source, each.outcome.result()
    except KeyboardInterrupt:
        grace_s = GRACE_S
        for each in writing:
            if each.run is not None:
                each.run.stop()
        raise
    finally:
        wait([each.outcome for each in writing], grace_s)


def _place(source: str | Asset) -> str:
    return source.source if isinstance(source, Asset) else source


@dataclass(frozen=True)
class _Writing:
    """A scene whose blocks are predicted, or that failed."""

    source: str
    outcome: Future[Outcome]
    run: Run | None = None


def _finish(run: Run, after: Sequence[Future[Outcome]]) -> Outcome:
    """Write the files of a run after those of others, and leave it."""
    try:
        with ExitStack() as stack:
            stack.push(run)
            wait(after)
            return run.finish()
    except OF_ONE_SCENE as error:
        return error
