"""All training images of a run in two flat arrays, for a device to cut windows from."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from geoseg.tiling import Roi, reflect

from .pairs import Pair
from .read_pairs import Labelled

ATLAS_BYTES = 2**32
"""Limit on pixels and labels in the memory of a device: about 1,070 Mpx of 8-bit red, green and blue."""
READERS = min(16, os.cpu_count() or 1)
"""Threads that read images."""

Key = tuple[object, ...]
"""Identifies an image of the atlas."""


class Atlas:
    """Pixels and labels of images of any size, one after the other, row by row.

    It has the methods of a `Cache`, but windows are places: where the image starts in the atlas, its height and width,
    and the first row and column of the window in it, `(5,)` in int32. Pixels beyond the image are to be reflected.
    """

    def __init__(self, sizes: Sequence[tuple[Key, tuple[int, int]]], *, bands: int, dtype: npt.DTypeLike) -> None:
        starts = np.cumsum([0, *(height * width for _, (height, width) in sizes)])
        self.pixels = np.empty((starts[-1], bands), dtype)
        """`(pixels, bands)`."""
        self.labels = np.empty(starts[-1], np.uint8)
        """Label values `(pixels,)`."""
        self._places = {key: (int(start), *shape) for (key, shape), start in zip(sizes, starts[:-1], strict=True)}

    def put(self, key: Key, image: Labelled) -> None:
        """Put in an image: pixels `(height, width, bands)` and label values `(height, width)`."""
        start, height, width = self._places[key]
        inside = slice(start, start + height * width)
        self.pixels[inside] = image[0].reshape(height * width, -1)
        self.labels[inside] = image[1].ravel()

    def release_pixels(self) -> None:
        """Free the memory of the pixels, once they are on a device."""
        self.pixels = self.pixels[:0].copy()

    def place(self, key: Key, top: int, left: int) -> npt.NDArray[np.int32]:
        """Return the place of a window."""
        return np.array([*self._places[key], top, left], np.int32)

    def window(self, pair: Pair, top: int, left: int, side: int) -> Labelled:
        """Return the place of a window, and its label values `(side, side)`."""
        labels, (height, width) = self._labels(pair), pair.shape
        place = self.place(pair.key, top, left)
        if 0 <= top <= height - side and 0 <= left <= width - side:
            return place, labels[top : top + side, left : left + side]
        return place, labels[np.ix_(reflect(top, top + side, height), reflect(left, left + side, width))]

    def part(self, pair: Pair, roi: Roi) -> Labelled:
        """Return the place of a region, and its label values."""
        return self.place(pair.key, roi[0].start, roi[1].start), self._labels(pair)[roi]

    def _labels(self, pair: Pair) -> npt.NDArray[np.uint8]:
        start, height, width = self._places[pair.key]
        return self.labels[start : start + height * width].reshape(height, width)


def read_all(atlas: Atlas, pairs: Iterable[Pair], read: Callable[[Pair], Labelled]) -> None:
    """Read images into an atlas, several at a time."""
    with ThreadPoolExecutor(READERS) as pool:
        for _ in pool.map(lambda pair: atlas.put(pair.key, read(pair)), pairs):
            pass  # raises the error of a reader
