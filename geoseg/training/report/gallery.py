"""The best and the worst tiles of a validation, found while its images pass by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoseg.evaluation.confusion import Confusion
from geoseg.models.legend import Legend

from .pictures import Classes, Pixels, write_tile_picture

_LEAST_KNOWN = 0.1
"""Share of a tile whose true class must be known."""


@dataclass(frozen=True, kw_only=True)
class _Tile:
    name: str
    mean_iou: float
    image: Pixels
    truth: Classes
    prediction: Classes


class TileGallery:
    """Ranks tiles by their mean IoU, and holds no more of them than will be shown.

    A tile is ranked if its truth shows at least two classes: where there is one alone, a guess is often right.

    Parameters
    ----------
    legend
        Classes of truth and prediction; other values of truth are unknown.
    side
        Pixels of a tile; what is left over at an image's right and lower edge is not ranked.
    most
        Tiles of each end that are kept.
    """

    def __init__(self, legend: Legend, *, side: int = 256, most: int = 6) -> None:
        self._legend = legend
        self._side = side
        self._most = most
        self._tiles: list[_Tile] = []

    def add(self, name: str, image: Pixels, truth: Classes, prediction: Classes) -> None:
        """Cut an image `(height, width, bands)` and its classes `(height, width)` into tiles, and rank them."""
        height, width = (min(self._side, size) for size in truth.shape)
        for top in range(0, truth.shape[0] - height + 1, height):
            for left in range(0, truth.shape[1] - width + 1, width):
                place = np.s_[top : top + height, left : left + width]
                score = self._score(truth[place], prediction[place])
                if score is not None:
                    self._keep(
                        _Tile(
                            name=f"{name}_y{top}_x{left}",
                            mean_iou=score,
                            image=image[place].copy(),
                            truth=truth[place].copy(),
                            prediction=prediction[place].copy(),
                        )
                    )

    def write(self, run: Path) -> dict[str, list[str]]:
        """Write the pictures to `run/tiles`; names of files under `worst` and `best`, the extreme ones first."""
        count = min(self._most, len(self._tiles) // 2)
        ends = {"worst": self._tiles[:count], "best": self._tiles[::-1][: min(self._most, len(self._tiles) - count)]}
        return {kind: [self._write(run, tile) for tile in tiles] for kind, tiles in ends.items()}

    def _score(self, truth: Classes, prediction: Classes) -> float | None:
        """Mean IoU of a tile; None if too little is known of it."""
        known = truth[truth < len(self._legend)]
        if known.size < _LEAST_KNOWN * truth.size or np.unique(known).size < 2:
            return None
        confusion = Confusion(len(self._legend))
        confusion.add(prediction, truth)
        return confusion.scores().mean_iou

    def _keep(self, tile: _Tile) -> None:
        self._tiles = sorted([*self._tiles, tile], key=lambda kept: kept.mean_iou)
        if len(self._tiles) > 2 * self._most:
            del self._tiles[self._most]

    def _write(self, run: Path, tile: _Tile) -> str:
        name = f"iou_{tile.mean_iou:.3f}_{tile.name}"
        return write_tile_picture(run, name, tile.image, tile.truth, tile.prediction, self._legend)
