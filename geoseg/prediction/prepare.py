"""Prepare what all scenes of one call have in common: the model, the settings, and where they run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import rasterio

from geoseg.files import direct
from geoseg.models.bundle import Card, read_card
from geoseg.models.engines.engine import Loader
from geoseg.models.engines.registry import load_engine
from geoseg.models.engines.runtime import Runtime
from geoseg.models.graph.size import NetworkSize, read_size
from geoseg.models.shipped import find_model
from geoseg.rasters.opening.open import GDAL, on_disk
from geoseg.rasters.sources.allowed import check_drivers
from geoseg.rasters.stac import Asset, open_source, place_of

from .enough_memory import check_memory, report_memory
from .executors import Executor, LocalExecutor
from .inputs.pooling import pool_stretch
from .naming import name_results
from .plan import Plan
from .planning import plan
from .run import Run
from .settings import Options, Settings


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The model, settings and executor of one call, which plan and run each of its scenes."""

    bundle: Path
    card: Card
    network: NetworkSize
    settings: Settings
    runtime: Runtime | None
    """Engine, precision and devices of the network; None for a loader of the caller."""
    load: Loader
    executor: Executor
    workers: int
    """Number of blocks predicted at the same time, determined once: a cluster may grow between two scenes."""

    def __post_init__(self) -> None:
        """Raise UsageError if GDAL lacks a driver."""
        check_drivers()

    def pool_stretch(self, sources: Sequence[str | Asset], *, gsd_m: float | None = None) -> Self:
        """Replace a joint stretch by the range that the scenes have in common; see `pooling.pool_stretch`."""
        return replace(self, settings=pool_stretch(sources, self.card, self.settings, gsd_m=gsd_m))

    def plan(self, source: str | Path | Asset, name: str | None = None) -> Plan:
        """Open a scene and plan its prediction, with results named `name`, by default after the scene.

        Raises SceneError, MismatchError, BundleError or UsageError, also for tiles that cannot fit the memory.
        """
        place = place_of(source)
        # Absolute, since a cluster's workers may run in other folders, and the same command in another resumes.
        scene = direct(place) if on_disk(place) else place
        with rasterio.Env(**GDAL):
            located = replace(source, source=scene) if isinstance(source, Asset) else scene
            opened = open_source(located, max_pixels=self.settings.max_pixels)
            planned = plan(
                replace(opened, name=name or name_results([source])[0]),
                self.card,
                self.settings,
                network=self.network,
                runtime=self.runtime,
                workers=self.workers,
            )
        check_memory(planned, self.executor)
        return planned

    def begin(self, source: str | Path | Asset, name: str, *, folder: str | Path, overwrite: bool) -> Run:
        """Plan a scene, and return its run; a GeosegWarning reports that it may need more memory than is available."""
        planned = self.plan(source, name)
        report_memory(planned, self.executor)
        return self.run(planned, folder=folder, overwrite=overwrite)

    def run(self, plan: Plan, *, folder: str | Path, overwrite: bool) -> Run:
        """Return the run of a plan, with results in `folder`; raises OutputError."""
        return Run(plan, self.bundle, load=self.load, folder=Path(folder), overwrite=overwrite, executor=self.executor)


def prepare(model: str | Path, options: Options, *, executor: Executor | None, load: Loader | None) -> Prepared:
    """Find a model, read its card, and choose the runtime; by default in this process.

    `load` loads engines in place of `engine`, `precision` and `devices`. Raises BundleError or UsageError.
    """
    settings, bundle, executor = Settings(**options), find_model(model), executor or LocalExecutor()
    return Prepared(
        bundle=bundle.absolute(),
        card=read_card(bundle),
        network=read_size(bundle),
        settings=settings,
        runtime=None if load else executor.choose_runtime(settings),
        load=load or load_engine,
        executor=executor,
        workers=executor.workers,
    )
