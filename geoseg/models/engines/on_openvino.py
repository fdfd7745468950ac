"""The engine for CPUs: OpenVINO on the bundle's network, without Keras."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError
from geoseg.models.openvino_core import openvino_core

from .engine import ORIENTATIONS, EngineOptions, Pixels, Precision, Scores, average, memory_errors, orient
from .hardware import core_share, count_streams, free_heap
from .openvino_graphs import read_float, read_int8

if TYPE_CHECKING:
    import openvino

_FORMATS: dict[Precision, tuple[str, str]] = {
    "float32": ("f32", "FP32"),
    "bfloat16": ("bf16", "BF16"),
    "float16": ("f16", "FP16"),
    "int8": ("f32", "INT8"),  # of the layers that are not quantised
}
"""OpenVINO's names of number formats: as a hint, and as a capability of a device."""


class OpenVINOEngine:
    """A network on OpenVINO's CPU plugin.

    Tiles are scored one by one, each by a share of the cores, so a tile's scores do not depend on the others and a core
    that reads or blends meanwhile delays one of them only. The network is compiled for the size of the tiles at the
    first call, and again if it changes. Threads may share an engine.
    """

    def __init__(self, bundle: Path, options: EngineOptions | None = None) -> None:
        options = options or EngineOptions()
        self._core = openvino_core()
        read = read_int8 if options.precision == "int8" else read_float
        self._graph = read(self._core, bundle)
        self.classes = self._graph.classes
        self._settings: dict[str, Any] = {
            # Always set: by default OpenVINO takes bfloat16 or float16 on processors that have it.
            "INFERENCE_PRECISION_HINT": _hint(self._core, options.precision),
            "NUM_STREAMS": count_streams(options.batch_size),
            # Several processes, and the threads that read and blend, would share the first cores.
            "ENABLE_CPU_PINNING": False,
        }
        share = core_share()
        if share is not None:
            self._settings["INFERENCE_NUM_THREADS"] = share
        self._tta = options.tta
        self._compiled: _Compiled | None = None

    def __call__(self, pixels: Pixels) -> Scores:
        """Return probabilities `(tiles, side, side, classes)` of any number of tiles.

        Raises UsageError if there is too little memory.
        """
        return np.stack(list(self._average(pixels)))

    def stream(self, tiles: Iterable[Pixels]) -> Iterator[Scores]:
        """Yield probabilities `(side, side, classes)` of network inputs `(side, side, bands)` in order.

        Raises UsageError if there is too little memory. At its end, the network's working memory is freed.
        """
        try:
            yield from self._average(tiles)
        finally:
            compiled = self._compiled
            # It refuses while another stream has tiles in progress; that stream then does it at its end.
            if compiled is not None:
                with suppress(RuntimeError):
                    compiled.model.release_memory()

    def _average(self, tiles: Iterable[Pixels]) -> Iterator[Scores]:
        """Score tiles in each orientation."""
        turned = (each for tile in tiles for each in orient(self._tta, tile[None]))
        scores = self._stream(turned)
        for first in scores:
            others = islice(scores, len(ORIENTATIONS[self._tta]) - 1)
            yield average(self._tta, chain([first], others))[0]

    def _stream(self, tiles: Iterable[Pixels]) -> Iterator[Scores]:
        """Score single tiles `(1, side, side, bands)` in order, as many at a time as there are streams."""
        flights: deque[_Flight] = deque()
        compiled: _Compiled | None = None
        try:
            for pixels in tiles:
                side = pixels.shape[1]
                if compiled is None:
                    compiled = self._compile(side)
                elif side != compiled.side:
                    raise ValueError(f"Tiles have different sides: {compiled.side} and {side} px.")
                if len(flights) == compiled.streams:
                    yield self._land(flights)
                flights.append(self._start(pixels, compiled))
            while flights:
                yield self._land(flights)
        finally:
            # All of them, since OpenVINO writes to their arrays; a first error is already on its way.
            for flight in flights:
                with suppress(RuntimeError):
                    flight.request.wait()

    def _compile(self, side: int) -> "_Compiled":
        """Compile the network for tiles of `side` pixels, unless it is."""
        compiled = self._compiled
        if compiled is not None and compiled.side == side:
            return compiled
        self._compiled = None  # frees the memory of the other size
        with memory_errors(self._settings["NUM_STREAMS"], side):
            model = self._core.compile_model(self._model(side), "CPU", self._settings)
            compiled = _Compiled(side=side, model=model, streams=model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._compiled = compiled
        free_heap()  # compiling leaves holes of some 90 MB
        return compiled

    def _start(self, pixels: Pixels, compiled: "_Compiled") -> "_Flight":
        from openvino import Tensor

        with memory_errors(compiled.streams, compiled.side):
            flight = _Flight(
                compiled=compiled,
                request=compiled.take(),
                pixels=np.ascontiguousarray(pixels, np.float32),
                scores=np.empty((len(pixels), self.classes, *pixels.shape[1:3]), np.float32),
            )
            # OpenVINO reads and writes the arrays themselves.
            flight.request.set_input_tensor(Tensor(flight.pixels, shared_memory=True))
            flight.request.set_output_tensor(Tensor(flight.scores, shared_memory=True))
            flight.request.start_async()
        return flight

    def _land(self, flights: "deque[_Flight]") -> Scores:
        """Wait for the oldest tile in work, which leaves `flights` once OpenVINO has left its arrays."""
        flight = flights[0]
        with memory_errors(flight.compiled.streams, flight.compiled.side):
            flight.request.wait()
        flights.popleft().compiled.idle.append(flight.request)
        return np.moveaxis(flight.scores, 1, -1)

    def _model(self, side: int) -> "openvino.Model":
        """Return the graph for single tiles of `side` pixels, with channels last, to scores with classes first."""
        from openvino import Layout
        from openvino.preprocess import PrePostProcessor

        model = self._graph.of_tiles(side)
        model.reshape({"pixels": [1, self._graph.bands, side, side]})
        channels_last = PrePostProcessor(model)
        pixels = channels_last.input()
        pixels.model().set_layout(Layout("NCHW"))
        pixels.tensor().set_layout(Layout("NHWC"))
        return channels_last.build()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Compiled:
    """The network for tiles of one size."""

    side: int
    model: "openvino.CompiledModel"
    streams: int
    """Tiles in work at a time."""
    idle: "list[openvino.InferRequest]" = field(default_factory=list)

    def take(self) -> "openvino.InferRequest":
        """Return an idle request, or a new one: other threads may have all."""
        try:
            return self.idle.pop()
        except IndexError:
            return self.model.create_infer_request()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Flight:
    """A tile in work; OpenVINO does not keep its arrays alive."""

    compiled: _Compiled
    request: "openvino.InferRequest"
    pixels: Pixels
    scores: npt.NDArray[np.float32]
    """With classes first."""


def check(bundle: Path, precision: Precision) -> None:
    """Raise the engine's error for a precision that this CPU or the bundle does not have."""
    core = openvino_core()
    if precision == "int8":
        read_int8(core, bundle)
    _hint(core, precision)


def capabilities(core: "openvino.Core") -> list[str]:
    """Return the number formats in which this CPU computes, in OpenVINO's names."""
    found: list[str] = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return found


def find_precisions(core: "openvino.Core") -> tuple[Precision, ...]:
    """Return the precisions in which this CPU computes; int8 needs a bundle with an 8-bit form, too."""
    present = capabilities(core)
    return tuple(name for name, (_, capability) in _FORMATS.items() if capability in present)


def _hint(core: "openvino.Core", precision: Precision) -> str:
    """Return OpenVINO's name of a precision; raises UsageError if this CPU does not have it."""
    hint, _ = _FORMATS[precision]
    present = find_precisions(core)
    if precision not in present:
        known = [name for name in present if name != "int8"]
        raise UsageError(
            f"OpenVINO does not compute in {precision} on this CPU; choose `precision={known[0]}`"
            f"{''.join(f' or `precision={name}`' for name in known[1:])}."
        )
    return hint
