"""The network on one device, and everything that is computed there."""

import threading
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError
from geoseg.models.backend import is_out_of_memory

from . import steps
from .device import Array, Backend, Device
from .engine import ORIENTATIONS, EngineOptions
from .strips import Blended, Layers, Layout

if TYPE_CHECKING:
    import keras

GROUP = 8
"""Tiles per network call on an accelerator, for batches that are multiples of it: kernels, hence bits, depend on it."""
TILE_PIXEL_BYTES = 2_000
"""Device memory for each pixel of the tiles in a call: XLA plans 384 for the shipped networks in float32 with tiles of
512 px; blending takes 140, and the rest is for larger networks and the scratch space of convolutions."""
MEMORY_SHARE = 0.5
"""Part of a device's memory for these; the rest holds strips, weights and kernels."""


class DeviceNetwork:
    """A network on one device, with the functions compiled for it; implements `strips.Network`.

    Threads may share a network: one gives work to the device at a time, and several wait for it.
    """

    def __init__(self, network: "keras.Model", options: EngineOptions, device: Device, backend: Backend) -> None:
        self._device = device
        self._backend = backend
        self._placed = backend.place(network, device)
        self._orientations = ORIENTATIONS[options.tta]
        self._classes: int = network.output_shape[-1]
        self._batch_size = options.batch_size
        self.halved = False
        self._turn = threading.Lock()
        self._tried = threading.local()
        """This thread's last work for the device: the `side` of tiles, and the `size` of their groups."""
        self._functions: dict[Any, Callable[..., Any]] = {}
        self._constant = lru_cache(maxsize=512)(self._upload_bytes)

    @property
    def name(self) -> str:
        """Name of the device."""
        return self._device.name

    def blend(
        self,
        pixels: npt.NDArray[np.generic],
        with_data: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.float32],
        layout: Layout,
    ) -> Blended:
        """Score and blend a strip, one group of tiles after the other."""
        with self._turn:
            self._tried.side, self._tried.size = layout.side, self._group(layout.side)
            return self._blend(pixels, with_data, rows, layout)

    def _blend(
        self,
        pixels: npt.NDArray[np.generic],
        with_data: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.float32],
        layout: Layout,
    ) -> Blended:
        side, overlap = layout.side, layout.overlap
        planes = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))  # as strips are stored: no copy
        # Backends compute with 64 bits only if asked to.
        strip = self._upload(planes if planes.dtype.itemsize <= 4 else planes.astype(np.float32))
        up, down = self._place(rows[:overlap]), self._place(rows[side - overlap :])
        carried = self._zeros(side, overlap, self._classes + layout.layers.disagreement)
        parts: list[tuple[Array, Array, Array]] = []
        size = self._group(side)
        for first in range(0, layout.pieces, size):
            weighted = self._weigh(strip, first, size, with_data, layout)
            carried, *part = self._run(steps.blend, *weighted, carried, up, down, layers=layout.layers)
            parts.append((part[0], part[1], part[2]))
        tops, bottoms, middles = map(list, zip(*parts, strict=True))
        top, bottom, middle = self._run(steps.stitch, tops, bottoms, middles, count=layout.pieces)
        self._backend.start_download(middle)
        return Blended(top=top, bottom=bottom, middle=middle)

    def join(self, top: Array | None, bottom: Array | None, layers: Layers) -> Array:
        """Finish the rows that two strips share, from any device; None stands for a strip beyond the scene's border."""
        with self._turn:
            given = [self._upload(edge) for edge in (top, bottom) if edge is not None]
            missing = [self._zeros(*given[0].shape)] * (2 - len(given))
            joined = self._run(steps.join, *given, *missing, layers=layers)
            self._backend.start_download(joined)
            return joined

    def download(self, values: Array) -> npt.NDArray[Any]:
        """Wait for an array of a device; raises the errors of its computation."""
        return self._backend.download(values)

    def lower_batch(self, error: Exception) -> str:
        """Halve the batch if an error reports too little memory, and say so; else raise the error, or a UsageError."""
        if not is_out_of_memory(error):
            raise error
        side, tried = self._tried.side, self._tried.size
        if tried == 1:
            raise UsageError(f"{self.name} has too little memory for one tile of {side} px; lower `tile`.") from error
        with self._turn:
            # Another thread may have halved it meanwhile.
            self._batch_size = min(self._group(side), tried // 2)
            self.halved = True
            return f"{self.name} has too little memory for {tried} tiles at a time; continuing with {self._batch_size}."

    def _weigh(
        self, strip: Array, first: int, size: int, with_data: npt.NDArray[np.bool_], layout: Layout
    ) -> tuple[Array, Array, Array]:
        """Weighted scores of a group of tiles, in three parts; without the network if none of them has data."""
        side, overlap = layout.side, layout.overlap
        tiles = np.arange(first, first + size)
        inside = np.minimum(tiles, len(layout.starts) - 1)
        present = (with_data[inside] & (tiles == inside)).astype(np.float32)
        if not present.any():
            planes = self._classes + layout.layers.disagreement
            edge = self._zeros(size, side, overlap, planes)
            return edge, self._zeros(size, side, side - 2 * overlap, planes), edge
        scaling = self._place(layout.offset), self._place(layout.gain)
        pixels = self._run(steps.cut, strip, self._place(layout.starts[inside]), *scaling)
        weights = layout.weights[inside] * present[:, None]
        up, down = self._place(weights[:, :overlap]), self._place(weights[:, side - overlap :])
        given = self._score(pixels), up, self._place(present), down
        return tuple(self._run(steps.weigh, *given, squares=layout.layers.disagreement))

    def _score(self, pixels: Array) -> Array:
        """Score tiles in each orientation, and average the scores in a fixed order, as `average_orientations` does."""
        total: Array | None = None
        for turns, mirrored in self._orientations:
            if len(self._orientations) == 1:
                return self._run(self._placed.apply, self._placed.weights, pixels)
            turned = self._run(steps.turn, pixels, turns=turns, mirrored=mirrored)
            scores = self._run(self._placed.apply, self._placed.weights, turned)
            upright = self._run(steps.turn_back, scores, turns=turns, mirrored=mirrored)
            total = upright if total is None else self._run(steps.add, total, upright)
        return self._run(steps.mean, total, count=len(self._orientations))

    def _group(self, side: int) -> int:
        """Tiles per network call: always as many, so that a tile's scores do not depend on the others."""
        if self._device.on_cpu:
            return 1
        if self._batch_size is None:
            if self._device.memory is None:
                return GROUP
            fitting = int(self._device.memory * MEMORY_SHARE) // (TILE_PIXEL_BYTES * side**2)
            return next((size for size in (GROUP, 4, 2) if size <= fitting), 1)
        return GROUP if self._batch_size % GROUP == 0 else self._batch_size

    def _run(self, function: Callable[..., Any], *arrays: Any, **settings: Any) -> Any:  # noqa: ANN401
        """Call a function compiled for the device, with its settings and for the shapes of the arrays."""
        key = function, *settings.items()
        if key not in self._functions:
            self._functions[key] = self._backend.compiled(partial(function, **settings), self._device)
        return self._functions[key](*arrays)

    def _upload(self, values: Array) -> Array:
        return self._backend.upload(values, self._device)

    def _place(self, values: npt.NDArray[Any] | np.generic) -> Array:
        """Upload a small array, once for all strips that use it."""
        return self._constant(values.tobytes(), values.dtype, values.shape)

    def _zeros(self, *shape: int) -> Array:
        return self._constant(None, np.dtype(np.float32), shape)

    def _upload_bytes(self, content: bytes | None, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        if content is None:
            return self._upload(np.zeros(shape, dtype))
        return self._upload(np.frombuffer(content, dtype).reshape(shape))
