"""The journal of a run: finished rows on disk, from which a killed run resumes.

A piece holds the finished rows of one tile row of one block, and is written atomically. Its position depends on the
lattice alone, so any run of the same plan can use it. One without data is a VRT without sources, which GDAL reads as
nodata.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from geoseg.errors import OutputError
from geoseg.files import sha256_of, writing
from geoseg.models.legend import NODATA
from geoseg.rasters.ground import crs_of
from geoseg.tiling import Roi, cut, roi_shape
from geoseg.version import __version__

from .blocks import Rows
from .plan import Plan
from .result_layers import work_layers

_PUBLISHING = "publishing"
_HALVED = "halved"
QUICK = {"compress": "zstd", "zstd_level": 1}
"""Compression of work files: several times as fast as deflate, and no larger."""
_WITHOUT_EFFECT = (
    *("engine", "precision", "devices", "batch_size", "memory", "max_pixels"),
    *("formats", "match_input", "stac", "report"),
)
"""Settings that do not change a piece; what they make of the runtime is compared in place of the first four."""
_COMPARED_OTHERWISE = ("stretch", "stretch_from")
"""Settings whose result, the scaling, is compared."""


@dataclass(frozen=True, kw_only=True)
class Journal:
    """A folder of pieces, next to the results."""

    work: Path
    """Hidden folder shared by all runs that write the same results."""
    folder: Path
    """Folder in `work` for the pieces of one plan."""
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
        return replace(plan, runtime=replace(plan.runtime, halved=(self.folder / _HALVED).exists()))

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
            with (self.work / "lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise OutputError(
                        f"another process is writing the same results to {results}; wait for it."
                    ) from None
                shutil.rmtree(self._removed, ignore_errors=True)  # of a run that was killed then
                self.folder.mkdir(exist_ok=True)
                yield

    @property
    def empty(self) -> bool:
        """Whether no run, of this plan or another, could resume from it."""
        return not any(self.work.glob("*/classes_*.tif"))

    def discard(self) -> None:
        """Remove the work folder, with the pieces of other plans."""
        # Half removed under its own name, it would be taken for one to resume from after a kill.
        with suppress(OSError):
            self.work.replace(self._removed)
        shutil.rmtree(self._removed, ignore_errors=True)

    @property
    def _removed(self) -> Path:
        """Name of the work folder while it is being removed."""
        return self.work.with_name(f"{self.work.name}.removed")

    def write(self, rows: Rows) -> None:
        """Write finished rows; classes come last, since they mark the piece as complete."""
        if rows.halved:
            (self.folder / _HALVED).touch()
        for layer in ("probabilities", "road", "confidence", "disagreement", "classes"):
            values = getattr(rows, layer)
            if values is not None and rows.empty:
                self._write_empty(layer, rows, values.shape[0] if values.ndim == 3 else 1)
            elif values is not None:
                self._write(layer, rows, values if values.ndim == 3 else values[None])

    def read(self, layer: str, bands: int, rows: slice, cols: slice) -> npt.NDArray[np.uint8]:
        """Read a piece `(bands, rows, columns)` of a layer; raises OutputError if that fails."""
        path = self.piece(layer, rows, cols)
        try:
            if is_empty(path):
                return np.broadcast_to(np.uint8(NODATA), (bands, *roi_shape((rows, cols))))
            with rasterio.open(path) as piece:
                found: npt.NDArray[np.uint8] = piece.read()
                return found
        except (RasterioError, OSError) as error:
            raise OutputError(f"the work file {path} cannot be read; remove {self.work} and start again.") from error

    def _write_empty(self, layer: str, rows: Rows, bands: int) -> None:
        height, width = roi_shape((rows.rows, rows.cols))
        place = ", ".join(repr(float(value)) for value in self.grid.transform.to_gdal())
        text = f'{_EMPTY.decode()} rasterXSize="{width}" rasterYSize="{height}"><GeoTransform>{place}</GeoTransform>'
        for band in range(1, bands + 1):
            text += f'<VRTRasterBand dataType="Byte" band="{band}"><NoDataValue>{NODATA}</NoDataValue></VRTRasterBand>'
        target = self.piece(layer, rows.rows, rows.cols)
        partial = target.with_name(f"{target.name}.{uuid4().hex}.part")
        partial.write_text(text + "</VRTDataset>")
        partial.replace(target)

    def _write(self, layer: str, rows: Rows, values: npt.NDArray[np.uint8]) -> None:
        bands, height, width = values.shape
        # Compressed in memory and written by Python: GDAL would only log a full disk.
        place = self.grid[rows.rows, rows.cols]
        profile = {"driver": "GTiff", "dtype": "uint8", "count": bands, "height": height, "width": width}
        profile |= QUICK
        with MemoryFile() as memory:
            with memory.open(**profile, transform=place.transform, crs=crs_of(place)) as dataset:
                dataset.write(values)
            target = self.piece(layer, rows.rows, rows.cols)
            # Of its own: a cluster may repeat a block whose worker it has lost, but which still writes.
            partial = target.with_name(f"{target.name}.{uuid4().hex}.part")
            with partial.open("wb") as file:
                file.write(memory.read())
                file.flush()
                os.fsync(file.fileno())  # else a power cut could leave the name without its content
            partial.replace(target)

    def piece(self, layer: str, rows: slice, cols: slice) -> Path:
        """File of one piece of a layer."""
        return self.folder / f"{layer}_{rows.start}-{rows.stop}_{cols.start}-{cols.stop}.tif"

    def unfinished(self, plan: Plan, block: Roi) -> Roi | None:
        """Rows and columns of a block still to predict; None if it is complete."""
        rows, cols = block
        layers = [layer.name for layer in work_layers(plan)]
        for part in pieces(plan, block):
            if not all(self.piece(layer, part, cols).exists() for layer in layers):
                return slice(part.start, rows.stop), cols
        return None


_EMPTY = b"<VRTDataset"
"""Start of a piece without data."""


def is_empty(piece: Path) -> bool:
    """Whether a piece has no data; raises OSError if it cannot be read."""
    with piece.open("rb") as file:
        return file.read(len(_EMPTY)) == _EMPTY


def pieces(plan: Plan, block: Roi) -> list[slice]:
    """Rows of the pieces of a block, from top to bottom."""
    rows, _ = block
    axis = plan.lattice.rows
    return cut(rows, (axis.span(index).start for index in axis.touching(rows.start, rows.stop)))


def open_journal(work: Path, plan: Plan, model: Path) -> Journal:
    """Name the journal of a plan in `work`; nothing is written before `lock`."""
    return Journal(work=work, folder=work / digest_pieces(plan, model)[:16], grid=plan.grid.geobox)


def digest_pieces(plan: Plan, model: Path) -> str:
    """SHA-256 of everything that determines bytes and positions of the pieces."""
    return hashlib.sha256(_identity(plan, model).encode()).hexdigest()


def _identity(plan: Plan, model: Path) -> str:
    settings = asdict(plan.settings) | {"aoi": None if plan.aoi is None else plan.aoi.digest}
    for name in (*_WITHOUT_EFFECT, *_COMPARED_OTHERWISE):
        del settings[name]
    return json.dumps(
        {
            "geoseg": __version__,
            "scene": plan.scene.identity,
            "grid": [*plan.grid.shape, *plan.grid.transform, plan.grid.crs.to_wkt()],
            "overview": None if plan.overview is None else plan.overview.to_json(),
            "bands": [*plan.bands, plan.scene.dtype, asdict(plan.validity)],
            "scaling": [asdict(band) for band in plan.scaling],
            "runtime": _describe(plan),
            "model": _digest_model(model, model.stat().st_mtime_ns, model.stat().st_size),
            "settings": settings,
        },
        default=str,
    )


@lru_cache(maxsize=1)
def _digest_model(model: Path, _changed_ns: int, _size: int) -> str:
    return sha256_of(model)


def _describe(plan: Plan) -> list[Any] | None:
    """Everything about the runtime that determines bytes; the number of devices does not."""
    if plan.runtime is None:
        return None
    # Kernels of GPUs depend on the batch; those for chosen devices are others than those for the whole CPU.
    batch = None if plan.runtime.hardware == "CPU" else plan.settings.batch_size
    return [*asdict(replace(plan.runtime, devices=())).values(), bool(plan.runtime.devices), batch]
