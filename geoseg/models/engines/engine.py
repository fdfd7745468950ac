"""The protocol of engines: score batches of tiles, with optional test-time augmentation."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError
from geoseg.models.backend import is_out_of_memory

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


@runtime_checkable
class StreamingEngine(Engine, Protocol):
    """Scores several tiles at the same time, none of which waits for another."""

    def stream(self, tiles: Iterable[Pixels]) -> Iterator[Scores]:
        """Yield probabilities `(side, side, classes)` of network inputs `(side, side, bands)` in order."""


def stream(engine: Engine, tiles: Iterable[Pixels], batch_size: int) -> Iterator[Scores]:
    """Score tiles one after the other, as `StreamingEngine.stream` does; in batches by an engine that does not."""
    if isinstance(engine, StreamingEngine):
        yield from engine.stream(tiles)
        return
    source = iter(tiles)
    while batch := list(islice(source, batch_size)):
        yield from engine(np.stack(batch))


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How to run a network."""

    engine: str = "keras"
    """Name of the engine; loaders of callers ignore it."""
    batch_size: int | None = 1
    """Tiles per call, or in work at a time in an engine that streams; None: as many as suit the device."""
    tta: TTA = "none"
    """Test-time augmentation."""
    precision: Precision = "float32"
    """Number format of the layers; scores are float32."""
    devices: tuple[str, ...] = ()
    """Devices of the Keras backend, such as `gpu:0`; empty for an engine that runs on the whole CPU."""


Loader = Callable[[Path, EngineOptions], Engine | Networks]
"""Loads an engine from a bundle; or networks on devices, if the options name some."""


@runtime_checkable
class KnowsHardware(Protocol):
    """A loader of another package that says where its engines run; results of others have `unknown` there."""

    def hardware(self) -> str:
        """Return `CPU`, or the names of the accelerators in use; raises UsageError if it cannot run here."""


def average_orientations(tta: TTA, pixels: Pixels, score: Callable[[Pixels], Scores]) -> Scores:
    """Score tiles in each orientation, turn the scores back, and average them in a fixed order.

    `pixels` is `(tiles, side, side, bands)`, the result `(tiles, side, side, classes)`.
    """
    return average(tta, (score(turned) for turned in orient(tta, pixels)))


def orient(tta: TTA, pixels: Pixels) -> Iterator[Pixels]:
    """Yield tiles `(tiles, side, side, bands)` in each orientation."""
    for turns, mirrored in ORIENTATIONS[tta]:
        yield np.ascontiguousarray(np.rot90(pixels[:, :, ::-1] if mirrored else pixels, turns, axes=(1, 2)))


def average(tta: TTA, scores: Iterable[Scores]) -> Scores:
    """Turn the scores of each orientation back, and average them; the only one of `none` stays as it is."""
    if tta == "none":
        (only,) = scores
        return only
    total: Scores | float = 0.0
    for (turns, mirrored), turned in zip(ORIENTATIONS[tta], scores, strict=True):
        upright = np.rot90(turned, -turns, axes=(1, 2))
        total = total + (upright[:, :, ::-1] if mirrored else upright)
    return np.asarray(total, np.float32) / np.float32(len(ORIENTATIONS[tta]))


@contextmanager
def memory_errors(tiles: int, side: int) -> Iterator[None]:
    """Raise a lack of memory for `tiles` of `side` pixels at a time as UsageError."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        if tiles == 1:
            raise UsageError(f"too little memory for one tile of {side} px; lower `tile`.") from error
        raise UsageError(
            f"too little memory for {tiles} tiles of {side} px at a time; lower `batch_size` or `tile`."
        ) from error
