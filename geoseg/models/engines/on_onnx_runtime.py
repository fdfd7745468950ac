"""An alternative engine for CPUs: ONNX Runtime on the bundle's network, without Keras."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoseg.errors import UsageError
from geoseg.models.graph.onnx import to_onnx
from geoseg.models.graph.read import read_network
from geoseg.models.telemetry import start_onnx_runtime

from .engine import EngineOptions, Pixels, Precision, Scores, average_orientations, memory_errors
from .hardware import core_share

if TYPE_CHECKING:
    import onnxruntime


class OnnxRuntimeEngine:
    """A network on ONNX Runtime's CPU provider, in float32.

    Tiles are scored one by one, so a tile's scores do not depend on its batch. The session is made for the size of the
    tiles at the first call, and again if it changes. Threads may share an engine.
    """

    def __init__(self, bundle: Path, options: EngineOptions | None = None) -> None:
        options = options or EngineOptions()
        check_precision(options.precision)
        self._network = read_network(bundle)
        self.classes = self._network.classes
        self._tta = options.tta
        self._session: tuple[int, onnxruntime.InferenceSession] | None = None
        """Side of its tiles, and the session."""

    def __call__(self, pixels: Pixels) -> Scores:
        """Return probabilities `(tiles, side, side, classes)` of any number of tiles.

        Raises UsageError if there is too little memory.
        """
        with memory_errors(1, pixels.shape[1]):
            return average_orientations(self._tta, pixels, self._score)

    def _score(self, pixels: Pixels) -> Scores:
        side, session = self._session or (0, None)
        if session is None or side != pixels.shape[1]:
            self._session = session = None  # frees the memory of the other size
            session = _start(to_onnx(self._network, pixels.shape[1]).SerializeToString())
            self._session = pixels.shape[1], session
        scores = []
        for tile in pixels:
            planes = np.ascontiguousarray(tile.transpose(2, 0, 1)[None], np.float32)
            (found,) = session.run(None, {"pixels": planes})
            scores.append(found[0].transpose(1, 2, 0))
        return np.stack(scores)


def check_precision(precision: Precision) -> None:
    """Raise UsageError for a precision that this engine does not have."""
    if precision != "float32":
        raise UsageError(
            f"ONNX Runtime computes in float32, not {precision}; choose `precision=float32` or `engine=openvino`."
        )


def _start(graph: bytes) -> "onnxruntime.InferenceSession":
    start_onnx_runtime()
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = core_share() or 0  # 0: as many as there are
    # Idle threads would take the time of those that read and blend.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, settings, providers=["CPUExecutionProvider"])
