"""Probabilities and labels of evenly thinned pixels, taken tile by tile from what the network returns."""

import math
from functools import cached_property

import numpy as np
import numpy.typing as npt

from geoseg.tiling import Axis, Lattice, Roi, Tile

MOST_VALUES = 2**21
"""About the number of probabilities to keep, of all classes and images."""


class SampledImage:
    """Logarithms of probabilities, and labels, of those pixels of an image whose label excludes a class."""

    def __init__(self, name: str, data_set: str = "") -> None:
        self.name = name
        self.data_set = data_set
        """Images whose labels are of one kind."""
        self._logs: list[npt.NDArray[np.float32]] = []
        self._labels: list[npt.NDArray[np.uint8]] = []

    def add(
        self,
        probabilities: npt.NDArray[np.float32],
        labels: npt.NDArray[np.uint8],
        labelled: npt.NDArray[np.bool_],
    ) -> None:
        """Add the `labelled` of some pixels.

        `probabilities` are `(rows, columns, classes)`, `labels` and `labelled` `(rows, columns)`.
        """
        # Probabilities of float32 may be 0 for a confident network.
        self._logs.append(np.log(np.maximum(probabilities[labelled], np.finfo(np.float32).tiny)))
        self._labels.append(labels[labelled])

    @cached_property
    def logs(self) -> npt.NDArray[np.float32]:
        """Logarithms of probabilities `(pixels, classes)`, when all are added."""
        return np.concatenate(self._logs)

    @cached_property
    def labels(self) -> npt.NDArray[np.uint8]:
        """Label values `(pixels,)`, when all are added."""
        return np.concatenate(self._labels)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return sum(map(len, self._labels))

    @property
    def values(self) -> set[int]:
        """Label values that occur."""
        return set(np.unique(self.labels).tolist())


def choose_step(pixels: float, classes: int) -> int:
    """Choose the step along rows and columns at which to take pixels, given their number."""
    return max(1, math.ceil(math.sqrt(pixels * classes / MOST_VALUES)))


def thin(lattice: Lattice, tile: Tile, *, step: int, margin: int) -> tuple[Roi, Roi]:
    """Choose every `step`-th pixel of a tile: as slices of the scene, and as slices of the tile.

    None is within `margin` of an edge that another tile adjoins: blending gives these pixels little weight.
    """
    rows, cols = _inner(lattice.rows, tile.row, step, margin), _inner(lattice.cols, tile.col, step, margin)
    return (rows, cols), (_within(rows, tile.rows), _within(cols, tile.cols))


def _inner(axis: Axis, index: int, step: int, margin: int) -> slice:
    span = axis.span(index)
    start = max(0, span.start + margin * (index > 0))
    stop = min(axis.size, span.stop - margin * (index < axis.count - 1))
    first = start + (step // 2 - start) % step
    return slice(first, max(first, stop), step)


def _within(pixels: slice, span: slice) -> slice:
    return slice(pixels.start - span.start, pixels.stop - span.start, pixels.step)
