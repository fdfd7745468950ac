"""Probability and width of each edge, from those of its pixels."""

from dataclasses import dataclass

import numpy as np

from geoseg.compiled import compiled_as
from geoseg.models.legend import LEVELS
from geoseg.roads.arrays import Bytes, Floats, Ids
from geoseg.roads.settings import JUNCTION_WIDTHS
from geoseg.roads.skeleton.pieces import PLAZA
from geoseg.roads.skeleton.widths import UNKNOWN, WIDTH_UNIT_M

from .chains import Chains
from .graph import Graph
from .walking import Flat, flatten


@dataclass(frozen=True, kw_only=True, eq=False)
class EdgeStatistics:
    """Statistics over the traced pixels of each edge `(edges,)`, without closed gaps."""

    prob_mean: Floats
    prob_min: Floats
    """Smoothed road probability, 0 to 1."""
    width_m: Floats
    width_sd_m: Floats
    """Mean and standard deviation of the width away from junctions; NaN if unknown."""
    plaza: Floats
    """Share of pixels around a plaza."""


def measure_edges(graph: Graph, chains: Chains, pixel_m: float) -> EdgeStatistics:
    """Compute the statistics of all edges."""
    flat = flatten(graph, chains)
    # Near its ends a skeleton leads into other roads or to a corner, where widths are meaningless.
    near = np.zeros(graph.ends.shape, np.int64)
    _, _, _, widths, wide, _, _ = _sums(flat, chains.level, chains.width, near)
    body_m = JUNCTION_WIDTHS * WIDTH_UNIT_M * wide / np.maximum(widths, 1)
    at_node_m = graph.at_ends(graph.half_width_m, -pixel_m)
    near = np.where(at_node_m >= 0, np.maximum(at_node_m, body_m[:, None]) / pixel_m + 1, 0).astype(np.int64)
    count, level, lowest, widths, wide, wider, plaza = _sums(flat, chains.level, chains.width, near)
    with np.errstate(invalid="ignore", divide="ignore"):
        width = wide / widths
        variance = np.maximum(wider / widths - width**2, 0)
        return EdgeStatistics(
            prob_mean=np.where(count > 0, level / count / LEVELS, 0),
            prob_min=np.where(count > 0, lowest / LEVELS, 0),
            width_m=width * WIDTH_UNIT_M,
            width_sd_m=np.sqrt(variance) * WIDTH_UNIT_M,
            plaza=np.where(count > 0, plaza / count, 0),
        )


def _sums(flat: Flat, level: Bytes, width: Bytes, near: Ids) -> Floats:
    """Return sums over the pixels of each edge `(7, edges)`, as `measure_edges` names them."""
    sums = np.empty((7, len(near)))
    _add(*flat, level, width, near, sums)
    return sums


@compiled_as("(int64[::1], int64[:,::1], uint8[::1], uint8[::1], uint8[::1], int64[:,::1], float64[:,::1])")
def _add(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids, parts: Ids, code: Bytes, level: Bytes, width: Bytes, near: Ids, sums: Floats
) -> None:
    for edge in range(len(near)):
        pixels = 0
        for part in range(start[edge], start[edge + 1]):
            pixels += abs(parts[part, 1] - parts[part, 0]) + 1
        skipped, end = near[edge, 0], pixels - near[edge, 1]
        if skipped >= end:
            skipped, end = pixels // 2, pixels // 2 + 1
        index = total = plaza = widths = wide = 0
        wider = np.int64(0)
        lowest = 255
        for part in range(start[edge], start[edge + 1]):
            at, last = parts[part, 0], parts[part, 1]
            step = 1 if last >= at else -1
            while True:
                total += level[at]
                if level[at] < lowest:  # noqa: PLR1730 - `min` would be compiled for a type of its own
                    lowest = level[at]
                if code[at] & PLAZA:
                    plaza += 1
                if skipped <= index < end and width[at] != UNKNOWN:
                    units = np.int64(width[at])
                    widths += 1
                    wide += width[at]
                    wider += units * units
                index += 1
                if at == last:
                    break
                at += step
        sums[0, edge], sums[1, edge], sums[2, edge], sums[3, edge] = pixels, total, lowest, widths
        sums[4, edge], sums[5, edge], sums[6, edge] = wide, wider, plaza
