"""Add vertices to long segments."""

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Starts = npt.NDArray[np.int64]


def densify(points: Points, start: Starts, longest: float) -> tuple[Points, Starts]:
    """Divide the segments of lines or closed rings that are longer than `longest`; return new points and offsets.

    `points` are `(points, 2)`, `start` the offsets of the lines in them `(lines + 1,)`. A segment gets the same points,
    bit for bit, in either direction: shared borders stay shared.
    """
    length = np.append(np.hypot(*np.diff(points, axis=0).T), 0)
    length[start[1:] - 1] = 0  # no segment joins one line to the next
    steps = np.maximum(1, np.ceil(length / longest)).astype(np.int64)
    if (steps == 1).all():
        return points, start
    which = np.repeat(np.arange(len(points)), steps)
    new_start = np.concatenate([[0], np.cumsum(steps)])
    step = np.arange(len(which)) - new_start[which]
    here, there = points[which], points[np.minimum(which + 1, len(points) - 1)]
    backward = (here[:, 0] > there[:, 0]) | ((here[:, 0] == there[:, 0]) & (here[:, 1] > there[:, 1]))
    low, high = np.where(backward[:, None], there, here), np.where(backward[:, None], here, there)
    share = np.where(backward, steps[which] - step, step) / steps[which]
    between = low + share[:, None] * (high - low)
    return np.where((step == 0)[:, None], here, between), new_start[start]
