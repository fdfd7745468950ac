"""The journal of a run: finished rows on disk, from which a killed run resumes.

A piece holds the finished rows of one tile row of one block. Pieces are written atomically. The lattice alone decides
where they begin, so any run of the same plan can use them.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from odc.geo.geobox import GeoBox
from rasterio.io import MemoryFile

from geoseg.errors import OutputError
from geoseg.files import writing
from geoseg.rasters.ground import crs_of
from geoseg.tiling import Roi
from geoseg.version import __version__

from .blocks import Rows
from .plan import Plan

_PUBLISHING = "publishing"


@dataclass(frozen=True, kw_only=True)
class Journal:
    """A folder of pieces, next to the results."""

    work: Path
    """Hidden folder for all runs that write the same results."""
    folder: Path
    """Folder in `work` for runs of one plan, separate from the pieces of other plans."""
    grid: GeoBox
    """The grid that rows and columns refer to."""

    @property
    def publishing(self) -> bool:
        """Whether a run of this plan has started to rename its results."""
        return (self.folder / _PUBLISHING).exists()

    def begin_publishing(self) -> None:
        """Record that results which appear from now on belong to this plan."""
        (self.folder / _PUBLISHING).touch()

    def making(self, result: Path) -> Path:
        """Temporary path of a result."""
        return self.folder / f"made_{result.name}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the results against other processes.

        Raises
        ------
        OutputError
            If another process holds the lock, or the disk is full or not writable.
        """
        results = self.work.parent
        with writing(results, advice="; the same command resumes once that is solved"):
            results.mkdir(parents=True, exist_ok=True)
            self.work.mkdir(exist_ok=True)
            with (self.work / "lock").open("w") as lock:
                _take(lock.fileno(), results)
                self.folder.mkdir(exist_ok=True)
                yield

    def discard(self) -> None:
        """Remove the work folder, including other plans: the results are complete, or never will be."""
        shutil.rmtree(self.work, ignore_errors=True)

    def write(self, rows: Rows) -> None:
        """Write finished rows; classes come last, since they mark the piece as complete."""
        if rows.probabilities is not None:
            self._write("probabilities", rows, rows.probabilities)
        if rows.road is not None:
            self._write("road", rows, rows.road[None])
        if rows.confidence is not None:
            self._write("confidence", rows, rows.confidence[None])
        self._write("classes", rows, rows.classes[None])

    def _write(self, layer: str, rows: Rows, values: npt.NDArray[np.uint8]) -> None:
        bands, height, width = values.shape
        # GDAL compresses in memory and Python writes: a full disk is then an OSError, not a line on standard error.
        place = self.grid[rows.rows, rows.cols]
        profile = {"driver": "GTiff", "dtype": "uint8", "count": bands, "height": height, "width": width}
        with MemoryFile() as memory:
            with memory.open(
                **profile, transform=place.transform, crs=crs_of(place), compress="deflate", zlevel=1
            ) as dataset:
                dataset.write(values)
            target = self.piece(layer, rows.rows, rows.cols)
            partial = target.with_suffix(".part")
            with partial.open("wb") as file:
                file.write(memory.read())
                file.flush()
                os.fsync(file.fileno())  # else a power cut could leave the name without its content
            partial.replace(target)

    def piece(self, layer: str, rows: slice, cols: slice) -> Path:
        """File of one piece of a layer."""
        return self.folder / f"{layer}_{rows.start}-{rows.stop}_{cols.start}-{cols.stop}.tif"

    def unfinished(self, plan: Plan, block: Roi) -> Roi | None:
        """The part of a block still to predict; None if it is complete."""
        rows, cols = block
        for part in pieces(plan, block):
            if not self.piece("classes", part, cols).exists():
                return slice(part.start, rows.stop), cols
        return None


def pieces(plan: Plan, block: Roi) -> list[slice]:
    """Rows of the pieces of a block, from top to bottom."""
    rows, _ = block
    axis = plan.lattice.rows
    starts = (axis.span(index).start for index in axis.touching(rows.start, rows.stop))
    edges = [rows.start, *(start for start in starts if rows.start < start < rows.stop), rows.stop]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def journal(work: Path, plan: Plan, model: Path) -> Journal:
    """The journal of a plan in `work`; nothing is written before `held`."""
    identity = hashlib.sha256(_identity(plan, model).encode()).hexdigest()
    return Journal(work=work, folder=work / identity[:16], grid=plan.grid)


def _take(lock: int, results: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(f"another process is writing the same results to {results}; wait for it.") from None


def _identity(plan: Plan, model: Path) -> str:
    """Everything that determines bytes and positions of the pieces, as text."""
    settings = asdict(plan.settings) | {"aoi": None if plan.aoi is None else plan.aoi.geometry.wkb_hex}
    for free in ("batch_size", "memory", "formats", "match_input"):  # do not change a piece
        del settings[free]
    return json.dumps(
        {
            "geoseg": __version__,
            "scene": [_fingerprint(file) for file in plan.scene.files],
            "grid": [*plan.grid.shape, *plan.grid.transform, crs_of(plan.grid).to_wkt()],
            "bands": [*plan.bands, plan.scene.dtype],
            "backend": os.environ.get("KERAS_BACKEND"),
            "model": hashlib.sha256(model.read_bytes()).hexdigest(),
            "settings": settings,
        },
        default=str,
    )


def _fingerprint(source: str) -> list[str | int]:
    """Path, size and modification time of a file; of a URL only its name."""
    if not os.path.exists(source):  # noqa: PTH110 - GDAL names such as /vsizip/… are not paths
        return [source]
    stat = os.stat(source)  # noqa: PTH116
    return [os.path.abspath(source), stat.st_size, stat.st_mtime_ns]  # noqa: PTH100
