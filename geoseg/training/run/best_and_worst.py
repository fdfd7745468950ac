"""Find the best and worst tiles of the validation images."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.tiling import Lattice, Roi, clip
from geoseg.training.recipe.label_sets import LabelSets

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.float32]

LEAST_LABELLED = 0.25
"""Share of a tile's pixels that must be labelled for its score to count."""


@dataclass(frozen=True, kw_only=True)
class ScoredTile:
    """A tile with its labels and prediction."""

    source: str
    """Name of the image."""
    row: int
    """First row of the tile in the image."""
    column: int
    """First column."""
    accuracy: float
    """Share of the labelled pixels with a predicted class that their label allows."""
    image: Pixels
    """Pixels `(rows, columns, bands)`."""
    reference: npt.NDArray[np.uint8]
    """Label values `(rows, columns)`."""
    predicted: npt.NDArray[np.uint8]
    """Class ids `(rows, columns)`."""


class Extremes:
    """Keeps the `count` best and `count` worst of all tiles added."""

    def __init__(self, labels: LabelSets, *, tile: int, count: int = 4) -> None:
        self._tile = tile
        self._count = count
        self._allowed = labels.allows
        self._labelled = np.array([len(ids) < len(labels.legend) for ids in labels.allowed])
        self._kept: list[ScoredTile] = []

    @property
    def worst(self) -> list[ScoredTile]:
        """Worst tiles, worst first."""
        return self._kept[: min(self._count, (len(self._kept) + 1) // 2)]

    @property
    def best(self) -> list[ScoredTile]:
        """Best tiles, best first; none is also among the worst."""
        return self._kept[::-1][: min(self._count, len(self._kept) // 2)]

    def add(
        self,
        name: str,
        read: Callable[[Roi], Pixels],
        reference: npt.NDArray[np.uint8],
        predicted: npt.NDArray[np.uint8],
    ) -> None:
        """Score the tiles of an image, cut without overlap; pixels of those to keep are read."""
        height, width = reference.shape
        lattice = Lattice(shape=(height, width), tile=self._tile, overlap=0)
        all_rows, all_cols = lattice.roi
        for tile in lattice.tiles():
            rows, cols = clip(tile.rows, all_rows), clip(tile.cols, all_cols)
            counted = self._labelled[reference[rows, cols]]
            if counted.mean() < LEAST_LABELLED:
                continue
            correct = self._allowed[reference[rows, cols], predicted[rows, cols]]
            accuracy = float(correct[counted].mean())
            rank = bisect_right(self._kept, accuracy, key=lambda kept: kept.accuracy)
            is_full = len(self._kept) == 2 * self._count
            if is_full and rank == self._count:
                continue
            scored = ScoredTile(
                source=name,
                row=rows.start,
                column=cols.start,
                accuracy=accuracy,
                # Copies, since views would keep the whole image.
                image=read((rows, cols)).copy(),
                reference=reference[rows, cols].copy(),
                predicted=predicted[rows, cols].copy(),
            )
            self._kept.insert(rank, scored)
            if is_full:
                del self._kept[self._count]
