"""The journal of a run: finished rows on disk, from which a killed run resumes.

A piece holds the finished rows of one tile row of one block, and is written atomically. Its rows depend on the lattice
alone, so any run of the same plan whose blocks have the same columns can use it. One without data is a VRT without
sources, which GDAL reads as nodata.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from geoseg.files import lock, writing
from geoseg.models.legend import NODATA
from geoseg.rasters.ground import crs_of
from geoseg.rasters.sources.vrt_sources import has_no_sources
from geoseg.tiling import Roi, cut, roi_shape

from .digests import digest_pieces
from .layers import work_layers
from .plan import Plan
from .rows import Rows
from .storage.object_store import InStore
from .storage.parts import InFolder, Parts

_PUBLISHING = "publishing"
_DISCARDED = "discarded"
"""Mark of a folder to remove, for Windows, which can neither rename nor remove it while the lock in it is open."""
_HALVED = "halved"
QUICK = {"compress": "zstd", "zstd_level": 1}
"""Compression of work files: several times as fast as deflate, and no larger."""


@dataclass(frozen=True, kw_only=True)
class Journal:
    """Pieces, and a folder next to the results in which these are completed."""

    work: Path
    """Hidden folder shared by all runs that write the same results."""
    folder: Path
    """Folder in `work` for one plan."""
    parts: Parts
    """The pieces, and files that workers make from them: in `folder`, or in an object store."""
    grid: GeoBox

    @property
    def publishing(self) -> bool:
        """Whether a run of this plan has started to rename its results."""
        return (self.folder / _PUBLISHING).exists()

    def begin_publishing(self) -> None:
        """Record that results published from now on are of this plan."""
        (self.folder / _PUBLISHING).touch()

    def as_run(self, plan: Plan) -> Plan:
        """Return a plan whose runtime says whether a device halved its batch in any of its runs."""
        if plan.runtime is None:
            return plan
        return replace(plan, runtime=replace(plan.runtime, halved=self.parts.has(_HALVED)))

    def work_file(self, result: Path) -> Path:
        """Temporary path of a result."""
        return self.folder / f"made_{result.name}"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Create the folders, and lock the results against other processes; raises OutputError if either fails."""
        results = self.work.parent
        with writing(results, advice="; the same command resumes once that is solved"):
            results.mkdir(parents=True, exist_ok=True)
            self.work.mkdir(exist_ok=True)
            with (self.work / "lock").open("w") as file:
                lock(file, f"another process is writing the same results to {results}; wait for it.")
                shutil.rmtree(self._removed, ignore_errors=True)  # of a run that was killed then
                self.folder.mkdir(exist_ok=True)
                for left in self.folder.glob("*/"):  # of tasks that were killed with it
                    shutil.rmtree(left, ignore_errors=True)
                self.parts.begin()
                yield
        if (self.folder / _DISCARDED).exists() or self._removed.exists():  # the lock was open in it
            self._remove()

    @property
    def empty(self) -> bool:
        """Whether there is nothing from which any run, of this plan or another, could resume."""
        return not (any(self.work.glob("*/classes_*.tif")) or self.parts.resumable)

    def discard(self) -> None:
        """Remove the work folder, with the pieces of other plans, and the pieces of this one wherever they are."""
        self.parts.remove()
        with suppress(OSError):
            (self.folder / _DISCARDED).touch()
        self._remove()

    def _remove(self) -> None:
        # If it were half removed under its own name at a kill, a run would try to resume from it.
        with suppress(OSError):
            self.work.replace(self._removed)
        shutil.rmtree(self._removed, ignore_errors=True)

    @property
    def is_left(self) -> bool:
        """Whether a run of this plan was killed after it had published, before or while it discarded the journal."""
        return self.publishing or (self._removed.exists() and not self.work.exists())

    @property
    def _removed(self) -> Path:
        """Name of the work folder while it is being removed."""
        return self.work.with_name(f"{self.work.name}.removed")

    def write(self, rows: Rows) -> None:
        """Write finished rows; classes come last, since they mark the piece as complete."""
        if rows.halved:
            self.parts.write(_HALVED, b"", flush=False)
        for layer in ("probabilities", "road", "confidence", "disagreement", "classes"):
            values = getattr(rows, layer)
            if values is not None and rows.empty:
                self._write_empty(layer, rows, values.shape[0] if values.ndim == 3 else 1)
            elif values is not None:
                self._write(layer, rows, values if values.ndim == 3 else values[None])

    def read(self, layer: str, bands: int, rows: slice, cols: slice) -> npt.NDArray[np.uint8]:
        """Read a piece `(bands, rows, columns)` of a layer; raises OutputError if that fails."""
        name = self.piece(layer, rows, cols)
        with self.parts.near([name]) as near:
            try:
                if has_no_sources(near / name):
                    return np.broadcast_to(np.uint8(NODATA), (bands, *roi_shape((rows, cols))))
                with rasterio.open(near / name) as piece:
                    found: npt.NDArray[np.uint8] = piece.read()
                    return found
            except (RasterioError, OSError) as error:
                raise self.parts.unreadable(name) from error

    def _write_empty(self, layer: str, rows: Rows, bands: int) -> None:
        height, width = roi_shape((rows.rows, rows.cols))
        place = ", ".join(repr(float(value)) for value in self.grid.transform.to_gdal())
        text = f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><GeoTransform>{place}</GeoTransform>'
        for band in range(1, bands + 1):
            text += f'<VRTRasterBand dataType="Byte" band="{band}"><NoDataValue>{NODATA}</NoDataValue></VRTRasterBand>'
        self.parts.write(self.piece(layer, rows.rows, rows.cols), f"{text}</VRTDataset>".encode(), flush=False)

    def _write(self, layer: str, rows: Rows, values: npt.NDArray[np.uint8]) -> None:
        bands, height, width = values.shape
        # Compressed in memory and written by Python: GDAL would only log a full disk.
        place = self.grid[rows.rows, rows.cols]
        profile = {"driver": "GTiff", "dtype": "uint8", "count": bands, "height": height, "width": width}
        profile |= QUICK
        with MemoryFile() as memory:
            with memory.open(**profile, transform=place.transform, crs=crs_of(place)) as dataset:
                dataset.write(values)
            self.parts.write(self.piece(layer, rows.rows, rows.cols), memory.read())

    def piece(self, layer: str, rows: slice, cols: slice) -> str:
        """Name of one piece of a layer."""
        return f"{layer}_{rows.start}-{rows.stop}_{cols.start}-{cols.stop}.tif"

    def unfinished(self, plan: Plan, block: Roi) -> Roi | None:
        """Rows and columns of a block still to predict; None if it is complete."""
        rows, cols = block
        layers = [layer.name for layer in work_layers(plan)]
        for part in pieces(plan, block):
            if not all(self.parts.has(self.piece(layer, part, cols)) for layer in layers):
                return slice(part.start, rows.stop), cols
        return None


def pieces(plan: Plan, block: Roi) -> list[slice]:
    """Rows of the pieces of a block, from top to bottom."""
    rows, _ = block
    axis = plan.lattice.rows
    return cut(rows, (axis.span(index).start for index in axis.touching(rows.start, rows.stop)))


def open_journal(work: Path, plan: Plan, model: Path, parts: str | None = None) -> Journal:
    """Name the journal of a plan in `work`, with its pieces under a URL if there is one; `lock` begins to write."""
    folder = work / digest_pieces(plan, model)[:16]
    # By the digest alone: the names of scenes may have characters that object stores do not.
    kept = InFolder(folder=folder) if parts is None else InStore(url=f"{parts.rstrip('/')}/{folder.name}")
    return Journal(work=work, folder=folder, parts=kept, grid=plan.grid.geobox)
