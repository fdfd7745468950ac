"""The journal of a run: finished rows on disk, so that a killed run goes on where it stopped.

A piece holds the finished rows of one tile row of one block. It is written under a temporary name and renamed, so it is
there whole or not at all; the lattice alone decides where pieces begin, so any run of the same plan can use them.
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
from geoseg.rasters.ground import crs_of
from geoseg.tiling import Roi
from geoseg.version import __version__

from .blocks import Rows
from .plan import Plan

_PUBLISHING = "publishing"


@dataclass(frozen=True, kw_only=True)
class Journal:
    """A folder of pieces, beside the results they become."""

    work: Path
    """Hidden folder for all runs that write the same results."""
    folder: Path
    """Folder in `work` for runs of one plan: what another plan left, or still writes, never meets its pieces."""
    grid: GeoBox
    """The grid that rows and columns count in."""

    @property
    def publishing(self) -> bool:
        """Whether a run of this plan has begun to rename its results."""
        return (self.folder / _PUBLISHING).exists()

    def begin_publishing(self) -> None:
        """Remember that the results which appear from now on are this plan's own."""
        (self.folder / _PUBLISHING).touch()

    def making(self, result: Path) -> Path:
        """File under which a result is made before it takes its name."""
        return self.folder / f"made_{result.name}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other process from writing the same results.

        Raises
        ------
        OutputError
            If another process does so, or the disk is full or cannot be written.
        """
        results = self.work.parent
        try:
            results.mkdir(parents=True, exist_ok=True)
            self.work.mkdir(exist_ok=True)
            with (self.work / "lock").open("w") as lock:
                _take(lock.fileno(), results)
                self.folder.mkdir(exist_ok=True)
                yield
        except OSError as error:
            if error.errno is None:  # not the system's: GDAL's and Dask's own errors bear the name too
                raise
            raise OutputError(
                f"{results} cannot be written ({error.strerror}); "
                "once that is mended, the same command goes on from here."
            ) from error

    def discard(self) -> None:
        """Remove everything, also of other plans: the results are there, or will never be."""
        shutil.rmtree(self.work, ignore_errors=True)

    def write(self, rows: Rows) -> None:
        """Keep finished rows; the classes come last, since they mark the piece as complete."""
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
                os.fsync(file.fileno())  # else a power cut could leave the name without the content
            partial.replace(target)

    def piece(self, layer: str, rows: slice, cols: slice) -> Path:
        """File of one piece of a layer."""
        return self.folder / f"{layer}_{rows.start}-{rows.stop}_{cols.start}-{cols.stop}.tif"

    def unfinished(self, plan: Plan, block: Roi) -> Roi | None:
        """The rest of a block that is still to be predicted; None if it is complete."""
        rows, cols = block
        for part in pieces(plan, block):
            if not self.piece("classes", part, cols).exists():
                return slice(part.start, rows.stop), cols
        return None


def pieces(plan: Plan, block: Roi) -> list[slice]:
    """Rows of the pieces that a block is predicted in, from top to bottom."""
    rows, _ = block
    axis = plan.lattice.rows
    starts = (axis.span(index).start for index in axis.touching(rows.start, rows.stop))
    edges = [rows.start, *(start for start in starts if rows.start < start < rows.stop), rows.stop]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def journal(work: Path, plan: Plan, model: Path) -> Journal:
    """The journal of a plan in `work`; nothing is written before it is held."""
    identity = hashlib.sha256(_identity(plan, model).encode()).hexdigest()
    return Journal(work=work, folder=work / identity[:16], grid=plan.grid)


def _take(lock: int, results: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(f"another process is writing results of the same name to {results}; wait for it.") from None


def _identity(plan: Plan, model: Path) -> str:
    """Everything that decides the pieces' bytes and places, as text."""
    settings = asdict(plan.settings) | {"aoi": None if plan.aoi is None else plan.aoi.geometry.wkb_hex}
    for free in ("batch_size", "memory", "formats", "match_input"):  # none of them changes a piece
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
    """What tells a file from a later version of itself, without reading it; a URL has only its name."""
    if not os.path.exists(source):  # noqa: PTH110 - GDAL names such as /vsizip/… are not paths
        return [source]
    stat = os.stat(source)  # noqa: PTH116
    return [os.path.abspath(source), stat.st_size, stat.st_mtime_ns]  # noqa: PTH100
