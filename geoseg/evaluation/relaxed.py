"""Relaxed scores: a pixel is correct if the other side has its class within a few pixels (V. Mnih and G. Hinton, 2010).

The same counts score boundaries: the share of predicted boundary pixels near a reference boundary, and vice versa
(G. Csurka et al., 2013). Arguments are class ids or `NODATA`, `(rows, columns)`; `core` are the rows to count, and the
rows around them must reach as far as the radius.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.models.legend import LEVELS, NODATA

from .matrix_scores import Counts, Floats, quotient

Radius = float | tuple[float, float]
"""Pixels in every direction, or down a column and along a row: the half-axes of an ellipse."""

_ROUNDING = 1e-9
"""Pixels by which rounding may change a distance."""


def near_other_class(ids: npt.NDArray[np.uint8], radius: Radius) -> npt.NDArray[np.bool_]:
    """Mask the pixels that an erosion of each class by a disc removes, `(rows, columns)`.

    Neither the edge of the image nor pixels without a class erode a class.
    """
    known = ids != NODATA
    highest = dilate(np.where(known, ids + np.uint8(1), np.uint8(0)), radius, np.maximum) - np.uint8(1)
    lowest = NODATA - dilate(np.where(known, NODATA - ids, np.uint8(0)), radius, np.maximum)
    return np.asarray(known & (highest != lowest))


def boundaries(ids: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Keep the ids of pixels 4-connected to another class; `NODATA` elsewhere."""
    other = np.zeros(ids.shape, bool)
    for one, next_one in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = (ids[one] != ids[next_one]) & (ids[one] != NODATA) & (ids[next_one] != NODATA)
        other[one] |= differ
        other[next_one] |= differ
    return np.where(other, ids, np.uint8(NODATA))


def count_near(
    predicted: npt.NDArray[np.uint8], reference: npt.NDArray[np.uint8], radius: Radius, core: slice, classes: int
) -> Counts:
    """Count pixels by class, `(4, classes)`.

    Rows are predicted pixels, those near a reference one, reference pixels, and those near a predicted one.
    """
    counts = np.zeros((4, NODATA + 1), np.int64)
    counts[0] = np.bincount(predicted[core].ravel(), minlength=NODATA + 1)
    counts[2] = np.bincount(reference[core].ravel(), minlength=NODATA + 1)
    present = np.flatnonzero(counts[0] + counts[2])
    present = present[present < classes]
    for first in range(0, len(present), 8):  # eight classes at a time, one in each bit
        group = present[first : first + 8]
        bits = np.zeros(NODATA + 1, np.uint8)
        bits[group] = 1 << np.arange(len(group))
        for row, here, there in ((1, predicted, reference), (3, reference, predicted)):
            near = dilate(bits[there], radius, np.bitwise_or)[core] & bits[here[core]] != 0
            counts[row] += np.bincount(here[core][near], minlength=NODATA + 1)
    return counts[:, :classes]


def score_near(counts: Counts) -> tuple[Floats, Floats, Floats]:
    """Return precision, recall and F1, each `(…, classes)`, of counts `(…, 4, classes)`; NaN for 0 / 0."""
    found, found_near, true, true_near = np.moveaxis(counts, -2, 0)
    precision, recall = quotient(found_near, found), quotient(true_near, true)
    # A class on one side only scores 0.
    both = np.nan_to_num(precision) + np.nan_to_num(recall)
    product = np.nan_to_num(precision) * np.nan_to_num(recall)
    f1 = np.where(both > 0, 2 * product / np.where(both > 0, both, 1), 0)
    return precision, recall, np.where(found + true > 0, f1, np.nan)


def count_sweep(
    levels: npt.NDArray[np.uint8],
    true: npt.NDArray[np.bool_],
    known: npt.NDArray[np.bool_],
    radius: Radius,
    core: slice,
) -> Counts:
    """Count pixels by the probability `levels` of one class, from which relaxed scores follow for every threshold.

    `true` masks the reference pixels of the class, `known` those compared. The counts `(3, LEVELS + 1)` are compared
    pixels, those near a reference one, and reference pixels by the highest level near them. Up to that threshold they
    are near a predicted pixel, so one dilation serves all thresholds.
    """
    raised = np.where(known & (levels != NODATA), levels, np.uint8(NODATA)) + np.uint8(1)  # nodata wraps to zero
    near = dilate(true.astype(np.uint8), radius, np.maximum)[core] != 0
    highest = dilate(raised, radius, np.maximum)[core]
    columns = (raised[core], raised[core][near], highest[true[core]])
    return np.stack([np.bincount(column.ravel(), minlength=LEVELS + 2)[1:] for column in columns])


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Relaxed precision and recall of one class by threshold."""

    precision: Floats
    """`(LEVELS + 1,)`: of pixels whose probability is at least `level / LEVELS`; NaN if none is."""
    recall: Floats
    """`(LEVELS + 1,)`."""
    break_even: float
    """Value at which precision equals recall, interpolated between thresholds; NaN if they never do."""
    threshold: float
    """Probability of the break-even point."""


def score_sweep(counts: Counts) -> Sweep:
    """Score the counts `(3, LEVELS + 1)` of `count_sweep` at every threshold."""
    found, found_near, true_near = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
    precision, recall = quotient(found_near, found), quotient(true_near, true_near[0])
    ahead = recall - precision
    reached = np.flatnonzero(ahead <= 0)  # false for NaN
    if not reached.size:
        return Sweep(precision=precision, recall=recall, break_even=np.nan, threshold=np.nan)
    after = int(reached[0])
    before = max(after - 1, 0)
    step = ahead[before] / (ahead[before] - ahead[after]) if ahead[before] > 0 else 0.0
    break_even = precision[before] + step * (precision[after] - precision[before])
    return Sweep(
        precision=precision, recall=recall, break_even=float(break_even), threshold=float((before + step) / LEVELS)
    )


def dilate(values: npt.NDArray[np.uint8], radius: Radius, combine: np.ufunc) -> npt.NDArray[np.uint8]:
    """Combine `(rows, columns)` values over a disc or ellipse around each pixel, measured between pixel centres.

    `combine` is `np.maximum`, or `np.bitwise_or` for classes in the bits of a pixel; zeros pad the edge. The disc
    consists of runs along rows, each grown from the next shorter one: the cost grows with the radius, not the area.
    """
    tall, broad = half_axes(radius)
    across = broad / tall if tall else 0.0
    rows, cols = values.shape
    wide, width = values.copy(), 0
    discs = np.zeros_like(values)
    for down in range(min(reach(radius), rows - 1), -1, -1):
        half_width = math.floor(math.sqrt(max(broad**2 - (down * across) ** 2, 0)) + _ROUNDING)
        for shift in range(width + 1, min(half_width, cols - 1) + 1):
            combine(wide[:, shift:], values[:, :-shift], out=wide[:, shift:])
            combine(wide[:, :-shift], values[:, shift:], out=wide[:, :-shift])
        width = max(width, half_width)
        combine(discs[down:], wide[: rows - down], out=discs[down:])
        if down:
            combine(discs[:-down], wide[down:], out=discs[:-down])
    return discs


def reach(radius: Radius) -> int:
    """Return the rows that a disc or ellipse reaches up and down."""
    return math.floor(half_axes(radius)[0] + _ROUNDING)


def half_axes(radius: Radius) -> tuple[float, float]:
    """Return a radius in pixels down a column and along a row."""
    return radius if isinstance(radius, tuple) else (radius, radius)
