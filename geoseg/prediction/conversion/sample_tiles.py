"""Read single tiles of a scene as prediction passes them to the network."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
import numpy.typing as npt

from geoseg.models.bundle import Card
from geoseg.prediction.holes import fill_holes
from geoseg.prediction.plan import Plan
from geoseg.prediction.planning import plan
from geoseg.prediction.settings import ImageryOptions, Settings
from geoseg.prediction.strips import read_strips
from geoseg.rasters.georeference import placed
from geoseg.rasters.read import scaled
from geoseg.rasters.scene import open_scene
from geoseg.tiling import Lattice, Tile, clip

_GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, modulo 1, fill an interval evenly at every length of the sequence."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One network input."""

    tile: Tile
    pixels: npt.NDArray[np.float32]
    """`(side, side, bands)`, 0–255."""
    valid: npt.NDArray[np.bool_]
    """`(side, side)`: where the scene has data."""


def read_samples(
    source: str | Path, card: Card, side: int, *, spread: bool = False, **imagery: Unpack[ImageryOptions]
) -> Iterator[Sample]:
    """Yield the tiles of a scene that have data, without overlap; raises SceneError or UsageError.

    A scene without georeference is assumed to have the model's GSD. With `spread`, the first tiles are spread over the
    scene however many are taken; otherwise tiles come row by row.
    """
    with placed(source, card.gsd_m) as scene:
        settings = Settings(tile=side, overlap=0.0, roads=False, **imagery)
        planned = plan(open_scene(scene), card, settings)
        tiles = spread_tiles(planned.lattice) if spread else planned.lattice.tiles()
        yield from read_tiles(planned, tiles)


def read_tiles(planned: Plan, tiles: Iterable[Tile]) -> Iterator[Sample]:
    """Yield those of the tiles of a plan without overlap that have data; SceneError if the scene cannot be read."""
    all_rows, all_cols = planned.lattice.roi
    for tile in tiles:
        (strip,) = read_strips(planned, (clip(tile.rows, all_rows), clip(tile.cols, all_cols)))
        if strip.valid.any():
            filled = fill_holes(strip.pixels, strip.valid)
            yield Sample(tile=tile, pixels=scaled(filled, planned.scaling), valid=strip.valid)


def deal_tiles(tiles: int, images: int) -> list[int]:
    """Deal tiles to images as evenly as possible: the number for each image."""
    counts: list[int] = np.diff(np.arange(images + 1) * tiles // images).tolist()
    return counts


def spread_tiles(lattice: Lattice) -> list[Tile]:
    """Order the tiles so that any number of first ones is spread over the scene."""
    tiles = list(lattice.tiles())
    return [tiles[number] for number in sorted(range(len(tiles)), key=lambda number: number * _GOLDEN % 1)]
