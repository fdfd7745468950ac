"""The reference engine: Keras on TensorFlow, JAX or PyTorch."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoseg.models.backend import without_tensorflow
from geoseg.models.saved_network import load_network

from .engine import EngineOptions, Pixels, Scores, average_orientations, memory_errors

if TYPE_CHECKING:
    import keras


class KerasEngine:
    """A network on the installed Keras backend: TensorFlow, JAX or PyTorch.

    All batches have one size, so the network is compiled once and a tile's scores do not depend on its batch: single
    tiles on a CPU, batches padded to `batch_size` on a GPU. Threads may share an engine, and take turns.
    """

    def __init__(self, source: "Path | keras.Model", options: EngineOptions | None = None) -> None:
        options = options or EngineOptions()
        # Before the imports, since this starts Keras quietly.
        network = load_network(source) if isinstance(source, Path) else source
        import keras

        from geoseg.models.folding import fold_batch_norm

        with without_tensorflow():
            self._network = fold_batch_norm(network)
        # On a CPU, XLA only delays TensorFlow's first tile; without it, JAX runs operation by operation.
        self._network.compile(jit_compile=keras.backend.backend() == "jax")
        self._batch_size = options.batch_size or 1
        # On a CPU larger batches are no faster, and TensorFlow picks other kernels for some (96 px tiles, for example),
        # whose scores differ in the last bits.
        values = [weight.value for weight in self._network.weights] or [keras.ops.zeros(1)]
        on_cpu = "cpu" in str(values[0].device).lower()
        self._tiles_at_once = 1 if on_cpu else self._batch_size
        self._tta = options.tta
        self._compiled_for: tuple[int, ...] = ()
        self._turn = threading.Lock()
        self.classes: int = self._network.output_shape[-1]

    def __call__(self, pixels: Pixels) -> Scores:
        """Return probabilities `(tiles, side, side, classes)` of at most `batch_size` tiles.

        Raises UsageError if the device has too little memory.
        """
        if len(pixels) > self._batch_size:
            raise ValueError(f"{len(pixels)} tiles do not fit a batch of {self._batch_size}.")
        with self._turn, memory_errors(self._tiles_at_once, pixels.shape[1]):
            return average_orientations(self._tta, pixels, self._score)

    def _score(self, pixels: Pixels) -> Scores:
        if pixels.shape[1:] != self._compiled_for:
            # TensorFlow would retrace for any tile size, and UpSampling2D cannot be traced without one.
            self._network.make_predict_function(force=True)
            self._compiled_for = pixels.shape[1:]
        missing = -len(pixels) % self._tiles_at_once
        padded = np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), np.float32)]) if missing else pixels
        batches = (padded[start : start + self._tiles_at_once] for start in range(0, len(padded), self._tiles_at_once))
        return np.concatenate([self._network.predict_on_batch(batch) for batch in batches])[: len(pixels)]
