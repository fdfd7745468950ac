"""Strips of tiles as a device gets and returns them, without importing Keras."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The bytes that a device returns for each pixel, in this order after its class."""

    confidence: bool = False
    """Probability of the winning class."""
    disagreement: bool = False
    """How far overlapping tiles disagree."""
    probabilities: bool = False
    """Probability of every class."""
    road: int | None = None
    """Class whose probability comes back; None for none."""
    lowest: int | None = None
    """Lowest probability of a class, in `LEVELS`; below it, the class is the number of classes. None for any."""

    def count(self, classes: int) -> int:
        """Return the number of bytes of each pixel."""
        return 1 + self.confidence + self.disagreement + self.probabilities * classes + (self.road is not None)


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """Properties common to all strips of a block. Lengths are in pixels."""

    starts: npt.NDArray[np.int32]
    """First column of each tile in the strip `(tiles,)`."""
    weights: npt.NDArray[np.float32]
    """Weight of each column of each tile `(tiles, side)`; 1 where tiles do not overlap."""
    overlap: int
    """Shared by neighbouring tiles, along rows and columns; at most half a side."""
    ends: bool
    """Whether the right overlap of the last tile is wanted: it is the scene's last."""
    offset: npt.NDArray[np.float32]
    gain: npt.NDArray[np.float32]
    """The network reads `(value - offset) * gain`, clipped to 0–255; each `(bands,)`."""
    layers: Layers

    @property
    def side(self) -> int:
        """Side of a tile."""
        side: int = self.weights.shape[1]
        return side

    @property
    def stride(self) -> int:
        """Distance between the starts of neighbouring tiles."""
        return self.side - self.overlap

    @property
    def pieces(self) -> int:
        """Number of pieces of one stride that a strip returns: one a tile, and one for the last overlap."""
        return len(self.starts) + (self.ends and self.overlap > 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Blended:
    """A strip that a device blends, or has blended; arrays on the device may still be in the making."""

    top: Any
    """Weighted scores of the rows shared with the strip above `(pieces, overlap, stride, classes)`."""
    bottom: Any
    """Weighted scores of the rows shared with the strip below, likewise."""
    middle: Any
    """Bytes `(layers, rows, pieces * stride)` of the rows between them."""


@dataclass(frozen=True, eq=False)
class Networks:
    """The same network on several devices, which share the strips of a block."""

    networks: "tuple[Network, ...]"


class Network(Protocol):
    """A network on a device, and all computations there. Calls return before the device is done, except `download`."""

    @property
    def name(self) -> str:
        """Name of the device."""

    @property
    def halved(self) -> bool:
        """Whether it has halved its batch, which it keeps."""

    def blend(
        self,
        pixels: npt.NDArray[np.generic],
        with_data: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.float32],
        layout: Layout,
    ) -> Blended:
        """Score and blend a strip.

        `pixels` are `(side, columns, bands)`, `with_data` tells which tiles count `(tiles,)`, and `rows` weights the
        rows `(side,)`.
        """

    def join(self, top: Any, bottom: Any, layers: Layers) -> Any:  # noqa: ANN401
        """Finish the rows that two strips share, from any device; None stands for a strip beyond the scene's border.

        Returns bytes `(layers, overlap, pieces * stride)`.
        """

    def download(self, values: Any) -> npt.NDArray[Any]:  # noqa: ANN401
        """Wait for an array of a device; raises what went wrong on it."""

    def lower_batch(self, error: Exception) -> str:
        """Halve the batch if an error reports too little memory, and say so; else raise the error, or a UsageError."""
