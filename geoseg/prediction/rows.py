"""Finished rows: classes and probabilities in bytes, from blended scores."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.models.legend import LEVELS, NODATA
from geoseg.tiling import is_repeated, sum_of_squares

from .plan import Plan

_ROWS_IN_CACHE = 32
"""Rows whose scores fit the cache of a core."""
_COLUMNS = 512
"""Columns of finished rows that are skipped together where none of their pixels is valid."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Finished rows of a block, which no later tile overlaps.

    Probabilities are integers from 0 to `LEVELS`. All layers are `NODATA` where the scene has no data and outside the
    area of interest; where no tile has data, their arrays repeat it and take no memory.
    """

    rows: slice
    cols: slice
    classes: npt.NDArray[np.uint8]
    """Class ids `(rows, columns)`, or the number of classes where none has the probability `min_confidence`."""
    confidence: npt.NDArray[np.uint8] | None
    """Probability of the winning class `(rows, columns)`; None unless requested."""
    disagreement: npt.NDArray[np.uint8] | None
    """How far overlapping tiles disagree `(rows, columns)`, as `Settings.disagreement`; None unless requested."""
    probabilities: npt.NDArray[np.uint8] | None
    """Probability of each class `(classes, rows, columns)`; None unless requested."""
    road: npt.NDArray[np.uint8] | None
    """Probability of road `(rows, columns)`; None without roads, or with `probabilities`."""
    halved: bool = False
    """Whether a device has halved its batch by now."""

    @property
    def empty(self) -> bool:
        """Whether no tile has data."""
        return is_repeated(self.classes)


def finish_rows(
    plan: Plan, rows: slice, cols: slice, scores: npt.NDArray[np.float32] | None, valid: npt.NDArray[np.bool_]
) -> Rows:
    """Choose classes and quantise probabilities of blended scores `(rows, columns, classes)`.

    Scores are None where no tile has data; with `disagreement`, the last of them are sums of squares.
    """
    settings, shape, lowest = plan.settings, valid.shape, plan.lowest_level
    fill = _repeat_nodata if scores is None else _fill_with_nodata
    classes = fill(shape)
    confidence = fill(shape) if settings.confidence else None
    disagreement = fill(shape) if settings.disagreement else None
    probabilities = fill((len(plan.card.legend), *shape)) if settings.probabilities else None
    road = None if plan.road is None or settings.probabilities else fill(shape)
    if scores is not None:
        planes = np.moveaxis(scores, -1, 0)
        for part in _with_data(valid):
            some, missing = planes[: len(plan.card.legend), :, part], ~valid[:, part] * np.uint8(NODATA)
            winners, highest = _winners(some)
            if confidence is not None or lowest is not None:
                levels = _quantise(highest)
                if lowest is not None:
                    winners[levels < lowest] = len(plan.card.legend)
                if confidence is not None:
                    np.maximum(levels, missing, out=confidence[:, part])
            np.maximum(winners, missing, out=classes[:, part])
            if disagreement is not None:
                spread = np.maximum(planes[-1, :, part] - sum_of_squares(some), 0)
                np.maximum(_quantise(np.sqrt(spread / 2)), missing, out=disagreement[:, part])
            if probabilities is not None:
                np.maximum(_quantise(some), missing, out=probabilities[:, :, part])
            if road is not None:
                np.maximum(_quantise(some[plan.road]), missing, out=road[:, part])
    return Rows(
        rows=rows,
        cols=cols,
        classes=classes,
        confidence=confidence,
        disagreement=disagreement,
        probabilities=probabilities,
        road=road,
    )


def _fill_with_nodata(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    return np.full(shape, NODATA, np.uint8)


def _repeat_nodata(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    return np.broadcast_to(np.uint8(NODATA), shape)


def _with_data(valid: npt.NDArray[np.bool_]) -> Iterator[slice]:
    """Yield spans of columns that hold all valid pixels `(rows, columns)`, and few others."""
    width = valid.shape[1]
    starts = np.arange(0, width, _COLUMNS)
    some = np.logical_or.reduceat(valid.any(axis=0), starts)
    changes = np.flatnonzero(np.diff(some, prepend=False, append=False)) * _COLUMNS
    for start, stop in changes.reshape(-1, 2):
        yield slice(int(start), min(int(stop), width))


def _winners(planes: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return the class with the highest score, the first of equal ones, and its score `(rows, columns)`.

    It is `argmax(axis=0)`, several times as fast: a few rows at a time, which stay in the cache.
    """
    classes = np.zeros(planes.shape[1:], np.uint8)
    highest = planes[0].copy()
    for top in range(0, len(classes), _ROWS_IN_CACHE):
        part = slice(top, top + _ROWS_IN_CACHE)
        for number, scores in enumerate(planes[1:, part], 1):
            higher = scores > highest[part]
            # Later classes have higher numbers, so the last that won is the maximum.
            np.maximum(classes[part], higher.view(np.uint8) * np.uint8(number), out=classes[part])
            np.maximum(highest[part], scores, out=highest[part])
    return classes, highest


def _quantise(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Round probabilities to levels, 0 to `LEVELS`."""
    levels: npt.NDArray[np.float32] = np.rint(probability * np.float32(LEVELS))
    return np.clip(levels, 0, LEVELS, out=levels).astype(np.uint8)
