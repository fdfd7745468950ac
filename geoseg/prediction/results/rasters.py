"""Write the requested rasters of a result, from work rasters or pieces, where jobs run."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import rasterio
import rasterio.shutil

from geoseg.models.engines.hardware import count_cores
from geoseg.prediction.layers import Layer
from geoseg.prediction.mosaic import match_scene
from geoseg.prediction.plan import Plan
from geoseg.prediction.storage.parts import Parts, apart
from geoseg.rasters.cog import join_cog, without_pixels
from geoseg.rasters.geotiff import check_complete, writing_geotiff
from geoseg.rasters.levels import DEFLATE_LEVEL, Level, LevelPart, make_levels, make_part
from geoseg.rasters.missing_data.sparse import find_written
from geoseg.rasters.opening.open import GDAL
from geoseg.rasters.sources.vrt_sources import SIDE, Blocks
from geoseg.threads import in_order

_COG = {"driver": "COG", "compress": "deflate", "level": DEFLATE_LEVEL, "blocksize": SIDE, "bigtiff": "if_safer"}

R = TypeVar("R")


class Submit(Protocol):
    """Runs tasks, here or on a cluster."""

    def __call__(self, task: Callable[..., R], *arguments: Any) -> Future[R]:  # noqa: ANN401 - of the task
        """Begin a task."""


@dataclass(frozen=True, kw_only=True)
class RasterWriting:
    """How the requested rasters of a plan are written."""

    plan: Plan
    parts: Parts
    submit: Submit
    check: Callable[[], None]
    """Raises `Stopped` once the run has been stopped."""
    workers: int
    """Of the executor."""
    sparse: bool
    """Whether blocks without data are left out."""

    def write(self, layer: Layer, mosaic: Path, target: str) -> list[str]:
        """Write a raster, on the model's grid or the scene's, under a name; returns the names of its files."""
        in_parts = self.sparse or self.plan.in_parts
        if not in_parts or self.sparse or self.plan.settings.match_input:
            task = self.submit(_write, self.plan, self.parts, layer, mosaic.name, target, in_parts, self.sparse)
            return task.result()
        levels = make_levels(mosaic, mosaic.parent, layer.overviews, make=self._make)
        described = without_pixels(mosaic, mosaic.parent)
        self.parts.add(described)
        return self.submit(_join, self.parts, levels, described.name, target).result()

    def _make(self, parts: Sequence[LevelPart]) -> Iterator[Blocks]:
        """Make the parts of a level where jobs run."""
        self.parts.add(parts[0].source)
        at_once = 4 * self.workers if self.workers > 1 else count_cores()
        return in_order(self._begin, parts, at_once=at_once)

    def _begin(self, part: LevelPart) -> Future[Blocks]:
        self.check()
        return self.submit(_make_part, self.parts, part)


def _make_part(kept: Parts, part: LevelPart) -> Blocks:
    """Make a part of a level."""
    with kept.near([part.source.name], part.source_rows) as near:
        blocks = make_part(replace(part, source=near / part.source.name, target=near / part.target.name))
        kept.add(near / part.target.name)
    return blocks


def _join(parts: Parts, levels: list[Level], described: str, target: str) -> list[str]:
    """Join a raster of which all parts are made; returns the names of its files."""
    names = [name for level in levels for name, _ in level.files]
    with (
        rasterio.Env(**GDAL),
        parts.near([described, *names], again=False) as near,
        apart(parts, near) as (folder, made),
        writing_geotiff(folder / target),
    ):
        join_cog(levels, near, near / described, folder / target, sparse=False)
    return made


def _write(  # noqa: PLR0917 - a task has positional arguments
    plan: Plan, parts: Parts, layer: Layer, mosaic: str, target: str, in_parts: bool, sparse: bool
) -> list[str]:
    """Write a requested raster, on the model's grid or the scene's; returns the names of its files."""
    with rasterio.Env(**GDAL), parts.near([mosaic]) as near, apart(parts, near) as (folder, made):
        source = near / mosaic
        if plan.settings.match_input:
            source = match_scene(plan, layer, source, folder)
        write_cog(source, folder / target, layer, in_parts=in_parts, sparse=sparse)
    return made


def write_cog(mosaic: Path, target: Path, layer: Layer, *, in_parts: bool, sparse: bool) -> None:
    """Copy a mosaic, a VRT, to a Cloud Optimized GeoTIFF; raises OSError if it is incomplete.

    Blocks without data are left out if `sparse`, which needs `in_parts`, and not looked at.
    """
    with writing_geotiff(target):
        if in_parts:
            written = find_written(mosaic) if sparse else None
            levels = make_levels(mosaic, target.parent, layer.overviews, written=written)
            join_cog(levels, target.parent, without_pixels(mosaic, target.parent), target, sparse=sparse)
        else:
            rasterio.shutil.copy(mosaic, target, **_COG, num_threads=count_cores(), overview_resampling=layer.overviews)
            check_complete(target)
