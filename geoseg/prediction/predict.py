"""Predict scenes: from rasters to class rasters and road networks on disk."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack

from geoseg.models.engines.engine import Loader
from geoseg.models.shipped import DEFAULT_MODEL
from geoseg.rasters.stac import Asset, place_of
from geoseg.tiling.progress import Progress, no_progress

from .executors import Executor
from .naming import DEFAULT_NAME, name_results
from .prepare import prepare
from .results.write import Prediction
from .run import Run
from .settings import Options
from .turns import Outcome, Turn, judge_by_kind, take_turns


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
        Name of a model, as `geoseg models` lists it, or path of a bundle.
    folder
        Folder for the results, created if missing.
    name
        Template for the names of results, with the fields `{stem}`, `{parent}` and `{n}`; see `name_results`.
    overwrite
        Replace existing results.
    executor
        Runs the blocks: `LocalExecutor()` by default, or `DaskExecutor(client=…)`.
    load
        Function that loads an engine from a bundle, in place of `engine`, `precision` and `devices`.
    progress
        Called with finished pixels, all pixels, and a text that explains a slow first run on a machine, else `""`.
    **options
        Fields of `Settings`.

    Raises
    ------
    SceneError, BundleError, OutputError, UsageError
        With one sentence: what was found, what was expected, what to do.
    DataError
        If a file of `aoi` cannot be read.
    ClusterError
        If the Dask cluster was lost; the same call resumes.
    """
    (named,) = name_results([source], name)
    prepared = prepare(model, options, executor=executor, load=load)
    run = prepared.begin(source, named, folder=folder, overwrite=overwrite)
    return run.complete(progress)


def predict_each(
    sources: Iterable[str | Asset],
    *,
    model: str | Path = DEFAULT_MODEL,
    folder: str | Path = ".",
    name: str = DEFAULT_NAME,
    overwrite: bool = False,
    executor: Executor | None = None,
    load: Loader | None = None,
    progress: Callable[[str], Progress] = lambda _source: no_progress,
    **options: Unpack[Options],
) -> Iterator[tuple[str, Outcome]]:
    """Predict scenes, and yield each with its result or error, in order.

    Results are named first: UsageError reports a name that several scenes would share, before anything is written.

    The next scene is read and scored while the files of the last are written; on a cluster, as many scenes are in
    progress as its workers have room for. `progress` is called with the source of each scene, or the id of its STAC
    item, and returns the scene's callback; the other parameters are those of `predict`. Errors that concern all scenes,
    such as BundleError and UsageError, end the call: they are raised after the results of earlier scenes.
    """
    sources = list(sources)
    names = name_results(sources, name)
    prepared = prepare(model, options, executor=executor, load=load).pool_stretch(sources)

    def begin(source: str | Asset, named: str) -> Run:
        return prepared.begin(source, named, folder=folder, overwrite=overwrite)

    turns = (
        _Numbered(
            number=number,
            begin=partial(begin, source, named),
            progress=partial(progress, source.name if isinstance(source, Asset) else source),
        )
        for number, (source, named) in enumerate(zip(sources, names, strict=True))
    )
    ended: dict[int, Outcome] = {}
    after = 0
    for turn, outcome in take_turns(turns, judge_by_kind, prepared.executor):
        ended[turn.number] = outcome
        while after in ended:
            yield place_of(sources[after]), ended.pop(after)
            after += 1


@dataclass(frozen=True, kw_only=True)
class _Numbered(Turn):
    """The turn of one of the scenes; scenes may end in another order."""

    number: int
