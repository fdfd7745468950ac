"""Engines: run a bundle's network on tiles, with optional test-time augmentation."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError

from .backend import without_chatter
from .bundle import load_network

if TYPE_CHECKING:
    import keras

TTA = Literal["none", "flips", "d4"]

Scores = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.float32]

ORIENTATIONS: dict[TTA, tuple[tuple[int, bool], ...]] = {
    "none": ((0, False),),
    "flips": ((0, False), (0, True), (2, False), (2, True)),
    "d4": tuple((turns, mirrored) for turns in range(4) for mirrored in (False, True)),
}
"""Quarter turns and mirroring of each orientation: subgroups of the symmetries of a square."""


class Engine(Protocol):
    """Scores batches of tiles; a tile's scores do not depend on its batch."""

    def __call__(self, pixels: Pixels) -> Scores:
        """Return probabilities `(tiles, side, side, classes)` of network inputs `(tiles, side, side, bands)`."""


class KerasEngine:
    """A network on the installed Keras backend: TensorFlow, JAX or PyTorch.

    All batches have one size, so the network is compiled once and a tile's scores do not depend on its batch: single
    tiles on a CPU, batches padded to `batch_size` on a GPU.
    """

    def __init__(self, source: "Path | keras.Model", *, batch_size: int = 1, tta: TTA = "none") -> None:
        # Before the imports, since this starts Keras quietly.
        network = load_network(source) if isinstance(source, Path) else source
        import keras

        from .folding import fold_batch_norm

        with without_chatter():  # to copy a network, Keras imports TensorFlow on every backend
            self._network = fold_batch_norm(network)
        # On a CPU, XLA only delays TensorFlow's first tile; without it, JAX runs operation by operation.
        self._network.compile(jit_compile=keras.backend.backend() == "jax")
        self._batch_size = batch_size
        # On a CPU larger batches are no faster, and TensorFlow picks other kernels for some (96 px tiles, for example),
        # whose scores differ in the last bits.
        on_cpu = "cpu" in str(self._network.weights[0].value.device).lower()
        self._tiles_at_once = 1 if on_cpu else batch_size
        self._tta = tta
        self._compiled_for: tuple[int, ...] = ()
        self.classes: int = self._network.output_shape[-1]

    def __call__(self, pixels: Pixels) -> Scores:
        """Return probabilities `(tiles, side, side, classes)` of at most `batch_size` tiles.

        Raises UsageError if the device has too little memory.
        """
        if len(pixels) > self._batch_size:
            raise ValueError(f"{len(pixels)} tiles do not fit a batch of {self._batch_size}.")
        try:
            return average_orientations(self._tta, pixels, self._score)
        except Exception as error:
            if not _is_out_of_memory(error):
                raise
            raise UsageError(
                f"too little memory for {self._tiles_at_once} tile(s) of {pixels.shape[1]} px at a time; "
                "lower `batch_size` or `tile`."
            ) from error

    def _score(self, pixels: Pixels) -> Scores:
        if pixels.shape[1:] != self._compiled_for:
            # TensorFlow would retrace for any tile size, and UpSampling2D cannot be traced without one.
            self._network.make_predict_function(force=True)
            self._compiled_for = pixels.shape[1:]
        missing = -len(pixels) % self._tiles_at_once
        padded = np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), np.float32)]) if missing else pixels
        batches = (padded[start : start + self._tiles_at_once] for start in range(0, len(padded), self._tiles_at_once))
        return np.concatenate([self._network.predict_on_batch(batch) for batch in batches])[: len(pixels)]


def average_orientations(tta: TTA, pixels: Pixels, score: Callable[[Pixels], Scores]) -> Scores:
    """Score tiles in each orientation, turn the scores back, and average them in a fixed order.

    `pixels` is `(tiles, side, side, bands)`, the result `(tiles, side, side, classes)`.
    """
    if tta == "none":
        return score(pixels)
    total: Scores | float = 0.0
    for turns, mirrored in ORIENTATIONS[tta]:
        turned = np.rot90(pixels[:, :, ::-1] if mirrored else pixels, turns, axes=(1, 2))
        scores = np.rot90(score(np.ascontiguousarray(turned)), -turns, axes=(1, 2))
        total = total + (scores[:, :, ::-1] if mirrored else scores)
    return np.asarray(total, np.float32) / np.float32(len(ORIENTATIONS[tta]))


def _is_out_of_memory(error: Exception) -> bool:
    """Whether a backend ran out of memory; backends share no exception class, so this compares messages."""
    return isinstance(error, MemoryError) or any(
        words in str(error) for words in ("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory")
    )
