"""A bounded cache of decoded image chunks, and windows assembled from them as prediction shows them to the network."""

from collections import OrderedDict
from threading import Lock

import numpy as np
import numpy.typing as npt

from geoseg.models.engines.hardware import available_memory
from geoseg.prediction.holes import fill_holes
from geoseg.tiling import Roi, reflect

from .pairs import Pair
from .read_pairs import Labelled, Region, count_bytes, intersect, read_pair, shift

LEAST_BYTES = 2**30
"""Decoded pixels and labels to keep on any machine: about 270 Mpx of 8-bit red, green and blue."""
MEMORY_SHARE = 1 / 4
"""Share of the available memory to keep where that is more."""

Part = tuple[npt.NDArray[np.generic], npt.NDArray[np.uint8], npt.NDArray[np.bool_] | None]
"""Pixels, label values and validity mask of a chunk; None if all pixels are valid."""


class Cache:
    """Least-recently-used cache of image chunks; thread-safe."""

    def __init__(self, *, as_float: bool, limit: int | None = None) -> None:
        """Keep at most `limit` bytes, by default as many as suit the machine."""
        self._as_float = as_float
        self._limit = max(LEAST_BYTES, int(available_memory() * MEMORY_SHARE)) if limit is None else limit
        self._parts: OrderedDict[tuple[object, ...], Part] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    @property
    def bytes(self) -> int:
        """Bytes in the cache."""
        return self._bytes

    def window(self, pair: Pair, top: int, left: int, side: int) -> Labelled:
        """Read pixels `(side, side, bands)` and label values `(side, side)`.

        They are reflected at the image's edges, and pixels without data are filled.
        """
        height, width = pair.shape
        if 0 <= top <= height - side and 0 <= left <= width - side:
            pixels, labels, valid = self._region(pair, (slice(top, top + side), slice(left, left + side)))
            return fill_holes(pixels, valid), labels
        rows, cols = reflect(top, top + side, height), reflect(left, left + side, width)
        roi = (slice(int(rows.min()), int(rows.max()) + 1), slice(int(cols.min()), int(cols.max()) + 1))
        pixels, labels, valid = self._region(pair, roi)
        inside = np.ix_(rows - roi[0].start, cols - roi[1].start)
        return fill_holes(pixels[inside], valid[inside]), labels[inside]

    def part(self, pair: Pair, roi: Roi) -> Part:
        """Read a chunk, from the cache if possible."""
        key = (*pair.key, roi[0].start, roi[1].start)
        with self._lock:
            if key in self._parts:
                self._parts.move_to_end(key)
                return self._parts[key]
        pixels, labels, valid = read_pair(pair, roi, as_float=self._as_float)
        part = pixels, labels, None if valid.all() else valid
        with self._lock:
            if key not in self._parts:
                self._parts[key] = part
                self._bytes += count_bytes(part)
            while self._bytes > self._limit and len(self._parts) > 1:
                self._bytes -= count_bytes(self._parts.popitem(last=False)[1])
        return part

    def _region(self, pair: Pair, roi: Roi) -> Region:
        """Assemble a region of the grid from its chunks."""
        shape = (roi[0].stop - roi[0].start, roi[1].stop - roi[1].start)
        pixels = np.empty((*shape, len(pair.bands)), np.float32 if self._as_float else pair.dtype)
        labels, valid = np.empty(shape, np.uint8), np.ones(shape, np.bool_)
        for chunk in pair.chunks(roi):
            common = intersect(chunk, roi)
            of, to = shift(common, chunk), shift(common, roi)
            chunk_pixels, chunk_labels, chunk_valid = self.part(pair, chunk)
            pixels[to], labels[to] = chunk_pixels[of], chunk_labels[of]
            if chunk_valid is not None:
                valid[to] = chunk_valid[of]
        return pixels, labels, valid
