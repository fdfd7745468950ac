"""Test-time augmentation: the mean of a network's scores over orientations of the tile."""

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

TTA = Literal["none", "flips", "d4"]

Scores = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.float32]

ORIENTATIONS: dict[TTA, tuple[tuple[int, bool], ...]] = {
    "none": ((0, False),),
    "flips": ((0, False), (0, True), (2, False), (2, True)),
    "d4": tuple((turns, mirrored) for turns in range(4) for mirrored in (False, True)),
}
"""Quarter turns and mirroring of each orientation: subgroups of the symmetries of the square."""


def oriented(tta: TTA, pixels: Pixels, score: Callable[[Pixels], Scores]) -> Scores:
    """Mean of `score` over the orientations of `tta`, each turned back.

    `pixels` is `(tiles, side, side, bands)`; the result is `(tiles, side, side, classes)`, summed in a fixed order.
    """
    orientations = ORIENTATIONS[tta]
    if len(orientations) == 1:
        return score(pixels)
    total = sum(_turned_back(score, pixels, orientations))
    return np.asarray(total, np.float32) / np.float32(len(orientations))


def _turned_back(
    score: Callable[[Pixels], Scores], pixels: Pixels, orientations: tuple[tuple[int, bool], ...]
) -> Iterator[Scores]:
    for turns, mirrored in orientations:
        turned = np.rot90(pixels[:, :, ::-1] if mirrored else pixels, turns, axes=(1, 2))
        scores = np.rot90(score(np.ascontiguousarray(turned)), -turns, axes=(1, 2))
        yield scores[:, :, ::-1] if mirrored else scores
