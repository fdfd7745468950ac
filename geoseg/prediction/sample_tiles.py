"""Read single tiles of a scene as prediction passes them to the network."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.models.bundle import Card
from geoseg.rasters.georeference import placed
from geoseg.rasters.read import scaled
from geoseg.rasters.scene import open_scene
from geoseg.tiling import Lattice, Tile

from .plan import plan
from .settings import Settings
from .strips import read_strips

_GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, modulo 1, fill an interval evenly at every length of the sequence."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One network input."""

    pixels: npt.NDArray[np.float32]
    """`(side, side, bands)`, 0–255."""
    valid: npt.NDArray[np.bool_]
    """`(side, side)`: where the scene has data."""


def read_samples(
    source: str, card: Card, side: int, *, bands: tuple[int, ...] | None = None, spread: bool = False
) -> Iterator[Sample]:
    """Yield the tiles of a scene that have data, without overlap; raises SceneError if it cannot be read.

    A scene without georeference is assumed to have the model's GSD. With `spread` any number of first tiles is spread
    over the scene; else tiles come row by row.
    """
    with placed(source, card.gsd_m) as scene:
        planned = plan(open_scene(scene), card, Settings(tile=side, overlap=0.0, bands=bands))
        lattice = planned.lattice
        for tile in _spread(lattice) if spread else lattice.tiles():
            inside = tuple(
                slice(max(part.start, 0), min(part.stop, size))
                for part, size in zip((tile.rows, tile.cols), lattice.shape, strict=True)
            )
            (strip,) = read_strips(planned, (inside[0], inside[1]))
            if strip.valid.any():
                yield Sample(pixels=scaled(strip.pixels, planned.scaling), valid=strip.valid)


def _spread(lattice: Lattice) -> Iterable[Tile]:
    tiles = lattice.rows.count * lattice.cols.count
    for number in sorted(range(tiles), key=lambda number: number * _GOLDEN % 1):
        row, col = divmod(number, lattice.cols.count)
        yield Tile(row=row, col=col, rows=lattice.rows.span(row), cols=lattice.cols.span(col))
