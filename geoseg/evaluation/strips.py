"""Read a prediction and its reference in strips, with a halo of the rows their scores depend on."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geoseg.errors import SceneError
from geoseg.models.legend import LEVELS, NODATA
from geoseg.rasters.datum import rough_shift
from geoseg.rasters.grid import Grid
from geoseg.rasters.ground import checked_gsd, corners, crs_name, grid_of, ground_sample_distance
from geoseg.rasters.open import opened, usable_crs
from geoseg.rasters.overlay import Overlay, has_other_place, overlay
from geoseg.rasters.probabilities import check_probabilities, read_levels
from geoseg.rasters.scene import is_placed
from geoseg.sentences import counted

from .class_mapping import ClassMapping, Codes
from .class_values import FoundValues, check_bands, read_ids, sample_ids
from .pairing import Pair

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


@dataclass(frozen=True, kw_only=True)
class Rasters:
    """The open rasters of a pair."""

    predicted: DatasetReader
    reference: DatasetReader
    confidence: DatasetReader | None
    probabilities: DatasetReader | None
    mapping: ClassMapping
    overlay: Overlay | None
    """From pixels of the prediction to those of the reference; None if the grids are the same."""
    in_prediction: FoundValues = field(default_factory=FoundValues)
    """Complete when the strips have been read, as is `in_reference`."""
    in_reference: FoundValues = field(default_factory=FoundValues)

    @property
    def gsd_m(self) -> tuple[float, float] | None:
        """Ground sample distance of the prediction down a column and along a row, metres; None without a georeference.

        SceneError if its CRS has no metres on the ground, or is not defined there.
        """
        if not is_placed(self.predicted):
            return None
        return checked_gsd(self.predicted.name, _grid(self.predicted))

    @property
    def notes(self) -> tuple[str, ...]:
        """How the two were overlaid."""
        if self.overlay is not None:
            ours, theirs = (_describe_grid(raster) for raster in (self.predicted, self.reference))
            sampled = f"the reference ({theirs}) was sampled on the prediction's grid ({ours}), nearest pixel."
            grid = _grid(self.predicted)
            rough = rough_shift(grid.crs, _grid(self.reference).crs, corners(grid))
            return (sampled,) if rough is None else (sampled, rough)
        if is_placed(self.predicted) and is_placed(self.reference):
            return ()
        differ = " and their geotransforms differ;" if has_other_place(self.predicted, self.reference) else ""
        if not is_placed(self.predicted) and not is_placed(self.reference):
            return (f"the two have no CRS,{differ} compared pixel by pixel.",) if differ else ()
        which, bare = ("reference", self.reference) if is_placed(self.predicted) else ("prediction", self.predicted)
        lacking = "georeference" if bare.transform.is_identity else "CRS"
        return (f"the {which} has no {lacking}{',' + differ if differ else ';'} compared pixel by pixel.",)


@contextmanager
def open_pair(pair: Pair, mapping: ClassMapping) -> Iterator[Rasters]:
    """Open the rasters of a pair; SceneError if one cannot be read or used, or they cannot be overlaid."""
    with ExitStack() as stack:
        # Overviews have no effect on reads at full resolution.
        predicted, reference = (
            stack.enter_context(opened(str(path), overviews=True)) for path in (pair.predicted, pair.reference)
        )
        check_bands(predicted, coloured=False)
        check_bands(reference, coloured=mapping.reference.coloured)
        confidence = probabilities = None
        if pair.probabilities is not None and mapping.bands is not None:
            probabilities = stack.enter_context(opened(str(pair.probabilities), overviews=True))
            check_probabilities(probabilities, predicted, bands=mapping.bands)
        elif pair.confidence is not None and mapping.single is None:
            confidence = stack.enter_context(opened(str(pair.confidence), overviews=True))
            check_probabilities(confidence, predicted, bands=1)
        yield Rasters(
            predicted=predicted,
            reference=reference,
            confidence=confidence,
            probabilities=probabilities,
            mapping=mapping,
            overlay=overlay(predicted, reference),
        )


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


def _grid(raster: DatasetReader) -> Grid:
    """Grid of a georeferenced raster; SceneError if its CRS is unusable."""
    with usable_crs(raster.name):
        return grid_of(raster)


def _describe_grid(raster: DatasetReader) -> str:
    """Name the CRS of a raster, and the size of its pixels if that is known."""
    grid = _grid(raster)
    gsd_m = math.sqrt(math.prod(ground_sample_distance(grid)))
    name = crs_name(grid.crs)
    return f"{gsd_m:.3g} m, {name}" if math.isfinite(gsd_m) else name


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


def describe_unknown(
    name: str,
    counts: Counter[int],
    codes: Codes,
    advice: str = "exclude it with `ignore`, or check that legend and reference belong together",
) -> str:
    """State which values of a raster are not in the legend, and what to do."""
    value, pixels = counts.most_common(1)[0]
    more = f" (and {counted(len(counts) - 1, 'other value')})" if len(counts) > 1 else ""
    return (
        f"{name} has {counted(pixels, 'pixel')} of {codes.name_of(value)}{more}, which is not in the legend; {advice}."
    )
