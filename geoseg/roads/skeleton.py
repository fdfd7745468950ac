"""Thin a mask that streams by to lines one pixel wide, and measure how wide the road was."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .thinning import thinned
from .windows import Mask, windows


@dataclass(frozen=True, kw_only=True, eq=False)
class SkeletonStrip:
    """A band of rows of the skeleton."""

    rows: Mask
    """Skeleton `(rows, width)`."""

    half_width_m: npt.NDArray[np.float32]
    """Metres from each skeleton pixel's centre to the nearest background pixel's, `(pixels,)` in row-major order."""


def thin(
    strips: Iterable[Mask],
    shape: tuple[int, int],
    metrics: Iterable[npt.NDArray[np.float64]],
    *,
    rows: int = 1024,
    halo: int = 128,
) -> Iterator[SkeletonStrip]:
    """Yield the skeleton with half-widths.

    Thinning looks two pixels far for each pixel that it takes off either side: where roads are up to `halo` pixels wide
    the skeleton is that of the whole mask. Wider places are thinned too, but may be cut where two bands meet.

    Parameters
    ----------
    strips, shape
        The mask in consecutive bands, and its height and width.
    metrics
        For each band, the matrix `(2, 2)` that takes a step (columns, rows) to metres.
    rows, halo
        Rows yielded at a time, and the rows of context.

    Yields
    ------
    SkeletonStrip
        Bands of `rows` rows, together the skeleton.
    """
    for (window, core), metric in zip(windows(strips, shape, rows=rows, halo=halo), metrics, strict=True):
        skeleton = np.zeros_like(window)
        occupied_rows, occupied_columns = np.flatnonzero(window.any(axis=1)), np.flatnonzero(window.any(axis=0))
        if occupied_rows.size:
            box = (
                slice(occupied_rows[0], occupied_rows[-1] + 1),
                slice(occupied_columns[0], occupied_columns[-1] + 1),
            )
            skeleton[box] = thinned(window[box])
        yield SkeletonStrip(rows=skeleton[core], half_width_m=_half_widths(window, skeleton, core, metric, halo // 2))


def _half_widths(
    window: Mask, skeleton: Mask, core: slice, metric: npt.NDArray[np.float64], reach: int
) -> npt.NDArray[np.float32]:
    """Measure the distance to the background at skeleton pixels only: offsets are tried from near to far."""
    row, column = np.nonzero(skeleton[core])
    offsets, distances = _offsets(metric, reach)
    result = np.full(row.size, distances[-1], np.float32)
    if not row.size:
        return result
    # Beyond the scene is background. The frame is as wide as the halo's reach, so that no index can leave it.
    framed = np.pad(window, reach)
    stride = framed.shape[1]
    flat = framed.ravel()
    inside = np.arange(row.size)
    position = (row + core.start + reach) * stride + column + reach
    for (down, right), distance in zip(offsets, distances, strict=True):
        road = flat[position + (down * stride + right)]
        if road.all():
            continue
        result[inside[~road]] = distance
        inside, position = inside[road], position[road]
        if not inside.size:
            break
    return result


def _offsets(metric: npt.NDArray[np.float64], reach: int) -> tuple[list[tuple[int, int]], npt.NDArray[np.float64]]:
    """Return offsets (rows, columns) within `reach` pixels from near to far, and how far they are on the ground."""
    steps = np.arange(-reach, reach + 1)
    down, right = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
    distance = np.hypot(*(metric @ np.stack([right, down])))
    order = np.argsort(distance, kind="stable")[1:]
    # Not beyond the nearest offset that is left out, or the order would have gaps.
    limit = distance[np.maximum(np.abs(down), np.abs(right)) == reach].min()
    order = order[distance[order] <= limit]
    return list(zip(down[order].tolist(), right[order].tolist(), strict=True)), distance[order]
