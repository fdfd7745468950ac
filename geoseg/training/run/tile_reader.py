"""Read tiles of validation images as prediction shows them to the network."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from geoseg.prediction.holes import fill_holes
from geoseg.tiling import Tile, reflect

if TYPE_CHECKING:
    from geoseg.training.data.dataset import LabelledImage
    from geoseg.training.data.read_pairs import Region

Inside = tuple[npt.NDArray[np.intp], ...]
"""Rows `(rows, 1)` and columns `(1, columns)` of pixels."""


class TileReader:
    """Reads tiles of images, of which it holds only the rows of one or two rows of tiles."""

    def __init__(self, images: "Sequence[LabelledImage]") -> None:
        self._images = images
        # Tiles come row by row, and a batch may span two rows, or two images.
        self._read_rows = lru_cache(2)(self._read_uncached)

    def pixels(self, number: int, tile: Tile) -> npt.NDArray[np.float32]:
        """Read the pixels `(side, side, bands)` of a tile: reflected at the edges of the image, with holes filled."""
        (pixels, _, valid), inside = self._read(number, tile)
        return fill_holes(pixels[inside], valid[inside]).astype(np.float32)

    def labels(self, number: int, tile: Tile, ignored: int) -> npt.NDArray[np.uint8]:
        """Read the label values `(side, side)` of a tile, `ignored` outside the image."""
        (_, labels, _), inside = self._read(number, tile)
        cut = labels[inside].copy()
        rows, cols = np.ogrid[tile.rows, tile.cols]
        height, width = self._images[number].shape
        cut[(rows < 0) | (rows >= height) | (cols < 0) | (cols >= width)] = ignored
        return cut

    def _read(self, number: int, tile: Tile) -> "tuple[Region, Inside]":
        """Read the rows of an image that a tile shows; return also which of their pixels it shows."""
        height, width = self._images[number].shape
        rows = reflect(tile.rows.start, tile.rows.stop, height)
        cols = reflect(tile.cols.start, tile.cols.stop, width)
        first = int(rows.min())
        return self._read_rows(number, first, int(rows.max()) + 1), np.ix_(rows - first, cols)

    def _read_uncached(self, number: int, first: int, stop: int) -> "Region":
        image = self._images[number]
        return image.read_region((slice(first, stop), slice(0, image.shape[1])))
