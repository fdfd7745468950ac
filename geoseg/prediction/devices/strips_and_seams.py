"""The strips of a block and the seams between them: as devices see them, and how far each has come."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.models.engines.strips import Network
from geoseg.prediction.strips import Strip

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Edge:
    """Scores of a strip that wait for those of its neighbour, on the device that blended it."""

    network: Network
    scores: Any
    """None if the strip has no data."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Seam:
    """The rows that strip `row` shares with the one above; None stands for a strip beyond the scene's border."""

    row: int
    above: Edge | None
    below: Edge | None

    @property
    def edges(self) -> list[Edge]:
        """The sides that exist."""
        return [edge for edge in (self.above, self.below) if edge is not None]


@dataclass(frozen=True, kw_only=True, eq=False)
class FinishedStrip:
    """A strip and its bytes `(layers, rows, columns)`: of its middle rows, and of the seams where they exist.

    One layer stands for all where there is no data.
    """

    strip: Strip
    top: Bytes | None
    middle: Bytes
    bottom: Bytes | None
    """At the end of the scene; elsewhere it is the top of the next strip."""


@dataclass(eq=False)
class StripWork:
    """A strip, and how far it has come."""

    strip: Strip
    taker: Network | None = None
    """Network that has it, until its seams are joined; None, too, while it waits for one."""
    edges: tuple[Edge, Edge] | None = None
    """Its top and bottom, from when it is blended until its seams are joined."""
    middle: Bytes | None = None
    """Its bytes, until it is yielded."""
    is_joined: bool = False
    """Whether all of its seams are."""

    @property
    def waits(self) -> bool:
        """Whether no network has it."""
        return self.taker is None and not self.is_joined


@dataclass(eq=False)
class SeamWork:
    """How far a seam has come."""

    taker: Network | None = None
    is_joined: bool = False
    finished: Bytes | None = None
    """Its bytes, until they are yielded."""
