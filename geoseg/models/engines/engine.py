"""The protocol of engines: score batches of tiles, with optional test-time augmentation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError

from .strips import Networks

TTA = Literal["none", "flips", "d4"]
Precision = Literal["float32", "bfloat16", "float16", "int8"]

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


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How to run a network."""

    engine: str = "keras"
    """Name of the engine; loaders of callers ignore it."""
    batch_size: int | None = 1
    """Largest number of tiles per call; None: as many as suit the device."""
    tta: TTA = "none"
    """Test-time augmentation."""
    precision: Precision = "float32"
    """Number format of the layers; scores are float32."""
    devices: tuple[str, ...] = ()
    """Devices of the Keras backend, such as `gpu:0`; empty for an engine that runs on the whole CPU."""


Loader = Callable[[Path, EngineOptions], Engine | Networks]
"""Loads an engine from a bundle; or networks on devices, if the options name some."""


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


@contextmanager
def memory_errors(tiles: int, side: int) -> Iterator[None]:
    """Raise a lack of memory for `tiles` of `side` pixels at a time as UsageError."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise UsageError(
            f"too little memory for {tiles} tile(s) of {side} px at a time; lower `batch_size` or `tile`."
        ) from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether a runtime ran out of memory; runtimes share no exception class, so this compares messages."""
    messages = ("RESOURCE_EXHAUSTED", "OOM when allocating", "out of memory", "bad_alloc", "Failed to allocate memory")
    return isinstance(error, MemoryError) or any(words in str(error) for words in messages)
