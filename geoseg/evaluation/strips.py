"""Read a prediction and its reference in strips, with a halo of the rows their scores depend on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from geoseg.errors import SceneError
from geoseg.models.legend import LEVELS, NODATA
from geoseg.rasters.probabilities import read_levels

from .class_ids import describe_unknown, read_ids, sample_ids
from .raster_pair import Rasters

STRIP_PIXELS = 2**21
"""Approximate pixels per strip."""
_TALLEST_BLOCK = 1024
"""Tallest blocks of which whole rows are read, to decode each block once."""

Layers = npt.NDArray[np.uint8]
"""`(layers, rows, columns)`: predicted ids, reference ids, then probabilities, if any."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Rows of a prediction and its reference: arguments of `Comparison.add`."""

    core: slice
    """Rows to count; the others are the halo."""
    predicted: npt.NDArray[np.uint8]
    reference: npt.NDArray[np.uint8]
    confidence: npt.NDArray[np.uint8] | None
    probabilities: npt.NDArray[np.uint8] | None


def strips(rasters: Rasters, halo: int, *, pixels: int = STRIP_PIXELS) -> Iterator[Strip]:
    """Yield strips of about `pixels` from top to bottom, each with `halo` rows above and below within the image.

    At the end, SceneError if values are not in the legend.
    """
    for layers, core in haloed(_pieces(rasters, pixels), halo):
        confidence = layers[2] if rasters.confidence is not None else None
        probabilities = layers[2:] if rasters.probabilities is not None else None
        yield Strip(
            core=core, predicted=layers[0], reference=layers[1], confidence=confidence, probabilities=probabilities
        )


def haloed(pieces: Iterator[Layers], halo: int) -> Iterator[tuple[Layers, slice]]:
    """Join consecutive pieces: each row is in one core, with `halo` rows on either side within the image."""
    rows: Layers | None = None
    above = 0
    for piece in pieces:
        rows = piece if rows is None else np.concatenate([rows, piece], axis=1)
        stop = rows.shape[1] - halo
        if stop > above:
            yield rows, slice(above, stop)
            rows = rows[:, max(stop - halo, 0) :]
            above = min(stop, halo)
    if rows is not None and above < rows.shape[1]:
        yield rows, slice(above, rows.shape[1])


def _pieces(rasters: Rasters, pixels: int) -> Iterator[Layers]:
    """Yield the layers from top to bottom, a few rows at a time."""
    predicted, reference, mapping = rasters.predicted, rasters.reference, rasters.mapping
    height, width = predicted.shape
    rows_read, step = _rows_at_a_time(rasters, pixels)
    for top in range(0, height, rows_read):
        rows = slice(top, min(top + rows_read, height))
        roi = (rows, slice(0, width))
        found = read_ids(predicted, roi, mapping.predicted, rasters.in_prediction)
        if rasters.overlay is None:
            true = read_ids(reference, roi, mapping.reference, rasters.in_reference)
        else:
            runs = (slice(first, min(first + step, rows.stop)) for first in range(rows.start, rows.stop, step))
            places = (rasters.overlay.indices(run, width) for run in runs)
            true = np.concatenate([sample_ids(reference, at, mapping.reference, rasters.in_reference) for at in places])
        layers = np.concatenate([found[None], true[None], *_probabilities(rasters, rows)])
        for first in range(0, layers.shape[1], step):
            yield layers[:, first : first + step]
    if unknown := rasters.in_prediction.unknown:
        advice = "check that the legend is that of the prediction, or set these pixels to NoData"
        raise SceneError(describe_unknown(predicted.name, unknown, mapping.predicted, advice))
    if unknown := rasters.in_reference.unknown:
        raise SceneError(describe_unknown(reference.name, unknown, mapping.reference))


def _rows_at_a_time(rasters: Rasters, pixels: int) -> tuple[int, int]:
    """Return the rows to read and the rows to compare at a time."""
    few = max(1, pixels // rasters.predicted.width)
    block = rasters.predicted.block_shapes[0][0]
    if block > _TALLEST_BLOCK:
        return few, few
    return max(block, few // block * block), few


def _probabilities(rasters: Rasters, rows: slice) -> list[Layers]:
    """Read probabilities `(layers, rows, columns)` in `LEVELS`, if any."""
    window = Window.from_slices(rows, slice(0, rasters.predicted.width))
    single = rasters.mapping.single
    if rasters.probabilities is not None:
        bands = rasters.probabilities.indexes if single is None else [single + 1]
        levels = read_levels(rasters.probabilities, bands, window)
        if single is None:
            return [levels]
        others = np.where(levels == NODATA, levels, LEVELS - np.minimum(levels, LEVELS))
        return [others, levels]
    if rasters.confidence is not None:
        return [read_levels(rasters.confidence, [1], window)]
    return []
