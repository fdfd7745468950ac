"""The engine for CPUs: OpenVINO on the bundle's network, without Keras."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoseg.errors import UsageError
from geoseg.models.bundle import read_card
from geoseg.models.graph.onnx import to_onnx
from geoseg.models.graph.read import read_network
from geoseg.models.int8.stored import damaged, read_form
from geoseg.models.telemetry import start_openvino

from .engine import EngineOptions, Pixels, Precision, Scores, average_orientations, memory_errors

if TYPE_CHECKING:
    import openvino

_FORMATS: dict[Precision, tuple[str, str]] = {
    "float32": ("f32", "FP32"),
    "bfloat16": ("bf16", "BF16"),
    "float16": ("f16", "FP16"),
    "int8": ("f32", "INT8"),  # of the layers that are not quantised
}
"""OpenVINO's names of number formats: as a hint, and as a capability of a device."""

_Source = tuple[Callable[[int], "openvino.Model"], int, int]
"""A function that returns the graph for tiles of a side, and the numbers of bands and classes."""


class OpenVINOEngine:
    """A network on OpenVINO's CPU plugin.

    Tiles are scored one by one, so a tile's scores do not depend on its batch; of a batch, as many at the same time as
    there are cores. The network is compiled for the size of the tiles at the first call, and again if it changes.
    """

    def __init__(self, bundle: Path, options: EngineOptions | None = None) -> None:
        options = options or EngineOptions()
        start_openvino()
        import openvino

        self._core = openvino.Core()
        read = _read_int8 if options.precision == "int8" else _read_float
        self._graph, self._bands, self.classes = read(self._core, bundle)
        self._settings = {
            # Always set: by default OpenVINO takes bfloat16 or float16 on processors that have it.
            "INFERENCE_PRECISION_HINT": _hint(self._core, options.precision),
            # At most as many as cores. As fast as one where nothing else runs; faster beside other threads, since a
            # tile's two threads wait for each other.
            "NUM_STREAMS": options.batch_size or 1,
            # Several processes, and the threads that read and blend, would share the first cores.
            "ENABLE_CPU_PINNING": False,
        }
        self._batch_size = options.batch_size or 1
        self._tta = options.tta
        self._side = 0
        self._requests: list[openvino.InferRequest] = []

    def __call__(self, pixels: Pixels) -> Scores:
        """Return probabilities `(tiles, side, side, classes)` of at most `batch_size` tiles.

        Raises UsageError if there is too little memory.
        """
        if len(pixels) > self._batch_size:
            raise ValueError(f"{len(pixels)} tiles do not fit a batch of {self._batch_size}.")
        with memory_errors(len(self._requests) or 1, pixels.shape[1]):
            return average_orientations(self._tta, pixels, self._score)

    def _score(self, pixels: Pixels) -> Scores:
        from openvino import Tensor

        side = pixels.shape[1]
        if side != self._side:
            self._requests, self._side = [], 0  # frees the memory of the other size
            compiled = self._core.compile_model(self._model(side), "CPU", self._settings)
            self._requests = [
                compiled.create_infer_request()
                for _ in range(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
            ]
            self._side = side
        pixels = np.ascontiguousarray(pixels, np.float32)
        scores = np.empty((*pixels.shape[:3], self.classes), np.float32)
        # OpenVINO reads and writes the arrays themselves; it does not keep them alive, this function does.
        try:
            for number in range(len(pixels)):
                request = self._requests[number % len(self._requests)]
                request.wait()
                request.set_input_tensor(Tensor(pixels[number : number + 1], shared_memory=True))
                request.set_output_tensor(Tensor(scores[number : number + 1], shared_memory=True))
                request.start_async()
        finally:
            for request in self._requests:
                request.wait()
        return scores

    def _model(self, side: int) -> "openvino.Model":
        """Return the graph for single tiles of `side` pixels, channels last as in the pipeline."""
        from openvino import Layout
        from openvino.preprocess import PrePostProcessor

        model = self._graph(side)
        model.reshape({"pixels": [1, self._bands, side, side]})
        channels_last = PrePostProcessor(model)
        for end in (channels_last.input(), channels_last.output()):
            end.model().set_layout(Layout("NCHW"))
            end.tensor().set_layout(Layout("NHWC"))
        return channels_last.build()


def capabilities(core: "openvino.Core") -> list[str]:
    """Return the number formats in which this CPU computes, in OpenVINO's names."""
    found: list[str] = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return found


def _read_float(core: "openvino.Core", bundle: Path) -> _Source:
    network = read_network(bundle)

    def graph(side: int) -> "openvino.Model":
        return core.read_model(to_onnx(network, side).SerializeToString())

    return graph, network.input_shape[-1], network.classes


def _read_int8(core: "openvino.Core", bundle: Path) -> _Source:
    """Read the 8-bit form, which is the same for any size of tiles; raises BundleError if it does not fit the card."""
    form, card = read_form(bundle), read_card(bundle)
    bands, classes = len(card.bands), len(card.legend)
    try:
        model = core.read_model(form.graph, form.weights)
        model.reshape({"pixels": [1, bands, card.tile, card.tile]})
        found = tuple(model.output("probabilities").shape)
    except RuntimeError as error:
        raise damaged(bundle, error) from error
    if found != (1, classes, card.tile, card.tile):
        raise damaged(bundle, ValueError(f"its output has shape {found}"))
    return lambda _side: model.clone(), bands, classes


def _hint(core: "openvino.Core", precision: Precision) -> str:
    """Return OpenVINO's name of a precision; raises UsageError if this CPU does not have it."""
    hint, needed = _FORMATS[precision]
    present = capabilities(core)
    if needed not in present:
        known = [name for name, (_, capability) in _FORMATS.items() if capability in present and name != "int8"]
        raise UsageError(
            f"OpenVINO does not compute in {precision} on this CPU; choose `precision={known[0]}`"
            f"{''.join(f' or `precision={name}`' for name in known[1:])}."
        )
    return hint
