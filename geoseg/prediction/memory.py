"""Estimate the peak memory of a run, and how wide its blocks may be.

Estimates are upper bounds. They depend on scene, model and settings alone, not on what else the process or the machine
holds: otherwise the blocks, and so the pieces, of a killed run and of its resumption could differ. They exclude the
road network, which takes three bytes for each pixel of centreline.
"""

import math
from dataclasses import dataclass

import numpy as np

from geoseg.errors import MismatchError, UsageError
from geoseg.models.bundle import Card
from geoseg.models.engines.hardware import count_cores, count_streams
from geoseg.models.engines.runtime import Runtime
from geoseg.models.graph.size import SHIPPED, NetworkSize
from geoseg.rasters.scene import Scene
from geoseg.roads.settings import BLOCK

from .settings import Settings

HELD = 4
"""Pieces that wait in memory to be assembled; if more are finished in time, they are read from the journal."""
QUEUED = 4
"""Pieces that may wait for the road tracer, enough for it to trace a row of blocks meanwhile."""
STRIP_ROWS = 512
"""Rows per strip of work rasters."""
STRIPS_AHEAD = 4
"""Strips that are read and not yet yielded, for each device: in progress, read ahead, and waiting for their turn."""
MAX_CACHE_BYTES = 256 * 2**20
"""Largest cache of decoded blocks of a scene's file."""
_TRACED_BYTES = 128 * 2**20
"""Most memory for the rows that the road tracer holds; on wide results, its blocks are lower to fit."""
_LOWEST_BLOCK = 512
"""Side of the smallest block: its halo would take longer to trace than itself."""
_HALO = 330
"""Largest halo of a block of the road tracer, at 0.3 m: in pixels, coarser grids have smaller ones."""
_TRACER_PIXEL = 20
"""Bytes for each pixel of a block that is traced: 18 in a block full of roads."""
_TRACERS_BYTES = 512 * 2**20
"""Most memory for blocks that are traced at the same time, on a machine of many cores."""
_USUAL_LIMIT = 2 * 10**9
"""Limit in bytes of a run without a given one, unless `_USUAL_ACROSS` tiles need more."""
_USUAL_ACROSS = 32
"""Tiles beside each other in a block that no limit makes narrower: those at its edges are computed twice."""
_TILES_ACROSS = 8
"""Tiles beside each other in a block that should fit before more are scored at the same time."""
_FILE_ROWS = 512
"""Rows of the file's blocks that the estimate of their cache assumes: most files have fewer."""
_LEAST_MAPS = 1 / 3
"""Least share of a network's feature maps that an engine holds at the same time, since it fuses layers: 0.49 to 0.9 in
OpenVINO, of the presets."""
_VALUE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Bytes of a value of a feature map, by precision."""


@dataclass(frozen=True, kw_only=True)
class EngineMemory:
    """Resident memory of a process with an engine, fitted to upper bounds of what `benchmarks/engines.py` measures."""

    fixed: int
    """Bytes for libraries, those that write files included."""
    weights: float
    """Bytes for each byte of the network's weights, those while it is compiled included."""
    maps: float
    """Bytes for each byte of the network's feature maps, of all tiles that are scored at the same time."""

    def loaded(self, network: NetworkSize) -> int:
        """Bytes with a network."""
        return self.fixed + math.ceil(self.weights * network.weights)

    def tile(self, network: NetworkSize, side: int) -> int:
        """Bytes for each tile of a side."""
        return math.ceil(self.maps * network.maps * side**2)


ENGINE_MEMORY = {
    "openvino": EngineMemory(fixed=430_000_000, weights=5.0, maps=0.9),
    "onnxruntime": EngineMemory(fixed=400_000_000, weights=3.0, maps=4.1),
    "keras": EngineMemory(fixed=1_150_000_000, weights=2.5, maps=2.0),
}
"""By engine; others are assumed to need as much as Keras on TensorFlow."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Resident memory of one worker, in bytes."""

    fixed: int
    """Libraries and weights, the cache of the scene's file, and the blocks that are traced."""
    tile: int
    """For each tile that is scored at the same time."""
    column: int
    """For each column of a block: scores, and strips that are read ahead."""
    width: int
    """Columns of the result."""
    result_column: int
    """For each of these: rows that are finished, and wait for their raster and the road tracer."""
    tile_columns: int
    """Columns of a tile."""

    def total(self, *, columns: int, streams: int) -> int:
        """Memory for blocks of `columns` columns, with `streams` tiles scored at the same time."""
        return self.fixed + streams * self.tile + self.width * self.result_column + columns * self.column

    def least(self, streams: int, *, across: int = 2) -> int:
        """Memory for blocks `across` tiles wide, or of all columns if there are fewer."""
        columns = min(across * self.tile_columns, max(self.width, 2 * self.tile_columns))
        return self.total(columns=columns, streams=streams)


def estimate(
    scene: Scene,
    card: Card,
    settings: Settings,
    runtime: Runtime | None,
    *,
    network: NetworkSize,
    tile: int,
    width: int,
) -> Memory:
    """Estimate what a run needs, from the network, the side of a tile and the columns of the result."""
    engine = ENGINE_MEMORY.get(_name(runtime), ENGINE_MEMORY["keras"])
    devices = () if runtime is None else runtime.devices
    # The scores of a GPU stay in its own memory.
    hosts = sum(name.startswith("cpu") for name in devices) if devices else 1
    value = np.dtype(scene.dtype).itemsize
    strip = len(card.bands) * value + 1 + (settings.aoi is not None)
    classes = len(card.legend)
    layers = 1 + settings.confidence + settings.disagreement + settings.probabilities * classes
    roads = settings.roads and card.legend.road is not None
    layers += roads and not settings.probabilities
    planes = classes + settings.disagreement
    cache = 2 * _FILE_ROWS * scene.grid.shape[1] * len(scene.bands) * value
    # Pieces, one of them also with its parts joined, a strip of each raster; the tracer's pieces and rows.
    result_column = (HELD + 1) * tile * layers + STRIP_ROWS * layers
    traced = 0
    if roads:
        result_column += (QUEUED + 1) * tile + _traced_side(width)
        traced = count_tracers(width) * _traced_bytes(width)
    return Memory(
        fixed=engine.loaded(network) + min(cache, MAX_CACHE_BYTES) + traced,
        tile=engine.tile(network, tile) * max(1, hosts),
        # Two strips of blended scores and the rows that they finish.
        column=tile * (hosts * planes * 4 * 3 + max(1, len(devices)) * STRIPS_AHEAD * strip),
        width=width,
        result_column=result_column,
        tile_columns=tile,
    )


def least_of_tile(
    card: Card, runtime: Runtime | None = None, *, tile: int, dtype: str = "float32", network: NetworkSize = SHIPPED
) -> int:
    """Estimate what a tile of a side takes in any case: its pixels, and on a CPU its scores and feature maps.

    Feature maps of a network or engine that is not known are left out.
    """
    pixel = len(card.bands) * np.dtype(dtype).itemsize
    if runtime is None or all(name.startswith("cpu") for name in runtime.devices):
        pixel += len(card.legend) * 4
        if runtime is not None and runtime.engine in ENGINE_MEMORY and not network.assumed:
            pixel += math.floor(network.maps * _LEAST_MAPS * _VALUE_BYTES[runtime.precision] / 4)
    return pixel * tile**2


def choose_streams(memory: Memory, settings: Settings, runtime: Runtime | None) -> int:
    """Return how many tiles are scored at the same time: as many as asked for, or by default, as many as fit."""
    if _name(runtime) != "openvino":
        return 1
    wanted = count_streams(settings.batch_size)
    if settings.batch_size is not None:
        return wanted
    limit = _limit(memory, settings, 1)
    fitting = (count for count in range(wanted, 1, -1) if memory.least(count, across=_TILES_ACROSS) <= limit)
    return next(fitting, 1)


def max_columns(memory: Memory, settings: Settings, runtime: Runtime | None) -> int:
    """Widest block that fits the memory; raises UsageError or MismatchError if a block of two tiles does not."""
    streams = choose_streams(memory, settings, runtime)
    needed, limit = memory.least(streams), _limit(memory, settings, streams)
    if limit < needed:
        tiles = (
            f"{streams} tiles of {memory.tile_columns} pixels at a time"
            if streams > 1
            else f"tiles of {memory.tile_columns} pixels"
        )
        of_any_scene = needed - memory.width * memory.result_column > limit
        found = tiles if of_any_scene else f"a result of {memory.width} columns and {tiles}"
        given = f"{limit / 1e9:.2g}GB" if limit >= 1e7 else f"{limit:,} bytes; its unit may be missing, as in 2GB"
        raise (UsageError if of_any_scene else MismatchError)(
            f"{found} need at least {math.ceil(needed / 1e8) / 10:.1f}GB; `memory` is {given}."
        )
    return (limit - memory.total(columns=0, streams=streams)) // memory.column


def traced_block(width: int) -> int:
    """Side of a block of the road tracer: as large as its memory allows."""
    return min(BLOCK, max(_LOWEST_BLOCK, _TRACED_BYTES // width))


def count_tracers(width: int) -> int:
    """Count the threads that trace roads of a result of `width` columns: the network needs most cores."""
    return max(1, min(count_cores() // 4, _TRACERS_BYTES // _traced_bytes(width)))


def _traced_side(width: int) -> int:
    """Side of a block that is traced, with its halo."""
    return traced_block(width) + 2 * _HALO


def _traced_bytes(width: int) -> int:
    """Memory of a block that is traced."""
    side = _traced_side(width)
    return side * min(side, width) * _TRACER_PIXEL


def _limit(memory: Memory, settings: Settings, streams: int) -> int:
    """Return the limit that is given, or the usual one."""
    if settings.memory is not None:
        return settings.memory
    return max(_USUAL_LIMIT, memory.least(streams, across=_USUAL_ACROSS))


def _name(runtime: Runtime | None) -> str:
    return "keras" if runtime is None else runtime.engine
