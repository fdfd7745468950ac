"""A model loaded once and used on many scenes or arrays, for notebooks and services."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox

from geoseg.errors import UsageError
from geoseg.messages import known_as
from geoseg.models.bundle import Card, read_card
from geoseg.models.engines.engine import Engine, EngineOptions, Loader
from geoseg.models.engines.registry import new_engine
from geoseg.models.engines.runtime import Runtime
from geoseg.models.engines.strips import Networks
from geoseg.models.graph.size import read_size
from geoseg.models.legend import LEVELS, NODATA, Legend
from geoseg.models.shipped import DEFAULT_MODEL, find_model
from geoseg.rasters.georeference import placed
from geoseg.rasters.opening.open import GDAL
from geoseg.rasters.scene import Scene, open_scene
from geoseg.rasters.sources.identity import check_unchanged
from geoseg.tiling import nearest_exact
from geoseg.tiling.progress import Progress, no_progress

from .arrays.data_array import to_data_array
from .arrays.scene import ArrayScene
from .enough_memory import check_memory
from .executors import Executor, LocalExecutor
from .jobs import predict_rows
from .naming import DEFAULT_NAME, name_results
from .plan import Plan
from .planning import plan
from .prepare import prepare
from .results.write import Prediction
from .rows import Rows
from .settings import Options, Settings

if TYPE_CHECKING:
    from xarray import DataArray

Array = TypeVar("Array", npt.NDArray[Any], "DataArray")
_OF_FILES = ("confidence", "disagreement", "match_input", "roads", "formats", "stac", "report")
"""Options that change files only."""


class Model:
    """A shipped model or a bundle. The network is loaded at its first use and kept until `close`.

    Threads may share a model: it is loaded by one of them, and their predictions run at the same time.

    Parameters
    ----------
    name
        Name of a model, as `geoseg models` lists it, or path of a bundle.
    load
        Function that loads an engine from a bundle, in place of `engine`, `precision` and `devices`.

    Raises
    ------
    BundleError
        If there is no such model, or its card cannot be read.
    """

    def __init__(self, name: str | Path = DEFAULT_MODEL, *, load: Loader | None = None) -> None:
        self.path = find_model(name).absolute()
        self.card: Card = read_card(self.path)
        """Bands, scaling, GSD, tile, legend and provenance."""
        self._load = load
        self._engines: dict[EngineOptions, Engine | Networks] = {}
        self._runtimes: dict[tuple[str, str, str], Runtime | None] = {}
        self._loading = threading.Lock()

    @property
    def legend(self) -> Legend:
        """Classes by id, with names and colours."""
        return self.card.legend

    def predict(
        self,
        source: str | Path,
        *,
        folder: str | Path = ".",
        name: str = DEFAULT_NAME,
        overwrite: bool = False,
        executor: Executor | None = None,
        progress: Progress = no_progress,
        **options: Unpack[Options],
    ) -> Prediction:
        """Predict a scene and write the results to `folder`; see `geoseg.predict`."""
        (named,) = name_results([source], name)
        # A cluster's workers load their own engines: a loaded one cannot be sent to them.
        local = executor is None or isinstance(executor, LocalExecutor)
        prepared = prepare(self.path, options, executor=executor, load=self._engine if local else self._load)
        if local:
            prepared = replace(prepared, runtime=self._runtime(prepared.settings))
        run = prepared.begin(source, named, folder=folder, overwrite=overwrite)
        return run.complete(progress)

    def rows(self, source: str | Path, **options: Unpack[Options]) -> Iterator[Rows]:
        """Yield the finished rows of a scene from top to bottom, on the model's grid; nothing is written.

        A scene wider than `memory` allows is predicted in columns, one after the other. `match_input`,
        `formats`, `stac` and `report` have no effect.

        Raises
        ------
        SceneError, BundleError, DataError, UsageError
            With one sentence: what was found, what was expected, what to do.
        """
        with rasterio.Env(**GDAL):
            planned = self._plan(open_scene(source, max_pixels=options.get("max_pixels")), options)
        return self._rows(planned)

    def _rows(self, planned: Plan) -> Iterator[Rows]:
        engine = self._engine(self.path, planned.engine_options)
        for block in planned.blocks:
            yield from predict_rows(planned, block, engine)
        check_unchanged(planned.scene.source, planned.scene.identity)

    def predict_array(
        self,
        array: Array,
        geobox: GeoBox | None = None,
        *,
        image_gsd_m: float | None = None,
        **options: Unpack[Options],
    ) -> Array:
        """Predict pixels in memory, on their own grid.

        Parameters
        ----------
        array
            Bands first, `(bands, rows, columns)`; a DataArray may have its dimensions in any order. Bands are taken in
            the order of the model's, unless a DataArray names them (by labels, or `long_name` as rioxarray has it) or
            `bands` chooses. Scale and offset of a DataArray are used like a file's.
        geobox
            Grid of the array; by default that of the DataArray (`.odc` or `.rio`). Without one, pixels are assumed
            square and `image_gsd_m` wide.
        image_gsd_m
            Metres per pixel of an array without georeference; the model's GSD by default.
        **options
            Fields of `Settings`; `nodata` are values besides that of a DataArray. With `probabilities=True` the result
            is the probability of each class.

        Returns
        -------
        numpy.ndarray or xarray.DataArray
            The type of `array`: class ids `(rows, columns)` in uint8, 255 without data, and the number of classes below
            `min_confidence`; or probabilities `(classes, rows, columns)` in float32, NaN without data.

        Raises
        ------
        SceneError, BundleError, UsageError
            With one sentence: what was found, what was expected, what to do.
        """
        if options.get("aoi") is not None:
            raise UsageError("`aoi` selects a part of a file; slice the array instead.")
        if options.get("probabilities") and options.get("min_confidence") is not None:
            raise UsageError("`min_confidence` changes classes, and `probabilities=True` returns none; choose one.")
        for name in _OF_FILES:
            if options.get(name):
                raise UsageError(f"`{name}` applies to files, and arrays make none; leave it out.")
        options = {**options, "roads": False}
        in_memory = ArrayScene.from_array(array, geobox)
        if options.get("bands") is None:
            options["bands"] = in_memory.default_bands(self.card.bands)
        settings = Settings(**options)
        options |= {"bands": settings.bands, "nodata": settings.nodata_values}  # which may be read once only
        gsd_m = self.card.gsd_m if image_gsd_m is None else image_gsd_m
        if image_gsd_m is None:
            in_memory.report_spacing(gsd_m)
        with (
            rasterio.Env(**GDAL),
            in_memory.written(settings.bands) as file,
            known_as("the array", made=file),
            placed(file, gsd_m) as source,
        ):
            planned = self._plan(open_scene(source, max_pixels=options.get("max_pixels")), options)
            found = self._predict_pixels(planned)
        return found if isinstance(array, np.ndarray) else to_data_array(found, in_memory.geobox, planned.legend)

    def _predict_pixels(self, planned: Plan) -> npt.NDArray[Any]:
        """Predict classes or probabilities of a whole scene, on its own pixels."""
        levels = planned.settings.probabilities
        shape = planned.grid.shape
        found = np.full((len(self.legend), *shape) if levels else shape, NODATA, np.uint8)
        for rows in self._rows(planned):
            found[..., rows.rows, rows.cols] = rows.classes if rows.probabilities is None else rows.probabilities
        down, across = map(nearest_exact, planned.scene.grid.shape, shape)
        found = found[..., down, :][..., across]
        return np.where(found == NODATA, np.float32(np.nan), found / np.float32(LEVELS)) if levels else found

    def _engine(self, path: Path, options: EngineOptions) -> Engine | Networks:
        """Load an engine once for each set of options."""
        with self._loading:
            if options not in self._engines:
                # Not `load_engine`, which would keep the network beyond `close`.
                self._engines[options] = (self._load or new_engine)(path, options)
            return self._engines[options]

    def _runtime(self, settings: Settings) -> Runtime | None:
        """Choose engine, precision and devices once for each set of options, since listing devices is slow."""
        wish = settings.engine, settings.precision, settings.devices
        with self._loading:
            if wish not in self._runtimes:
                self._runtimes[wish] = None if self._load else settings.choose_runtime()
            return self._runtimes[wish]

    def _plan(self, scene: Scene, options: Options) -> Plan:
        settings = Settings(**options)
        planned = plan(scene, self.card, settings, network=read_size(self.path), runtime=self._runtime(settings))
        check_memory(planned, LocalExecutor())
        return planned

    def close(self) -> None:
        """Release the network; the next prediction loads it again."""
        with self._loading:
            self._engines.clear()
            self._runtimes.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Model({self.card.name!r}, version={self.card.version!r})"
