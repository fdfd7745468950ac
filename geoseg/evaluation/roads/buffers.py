"""Lengths of a network within a distance of another, and the parts farther away."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from geoseg.vectors.pieces import cut_pieces

_ROUNDING_M = 1e-6
_SEGMENTS = 16
"""Segments of a quarter circle: a buffer is at most 0.2 % narrower than its radius."""
_VERTICES = 33
"""Vertices of the pieces into which lines are cut, which keeps their buffers small."""

Lines = npt.NDArray[np.object_]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """Lengths of two networks, in total and within a distance of the other."""

    true_m: float = 0.0
    true_near_m: float = 0.0
    found_m: float = 0.0
    found_near_m: float = 0.0

    @property
    def recall(self) -> float:
        """Completeness: share of the reference length near the found network; NaN without reference."""
        return _quotient(self.true_near_m, self.true_m)

    @property
    def precision(self) -> float:
        """Correctness: share of the found length near the reference; NaN if nothing was found."""
        return _quotient(self.found_near_m, self.found_m)

    @property
    def quality(self) -> float:
        """Correct length over found and missed length (C. Heipke et al., 1997); NaN for two empty networks."""
        return _quotient(self.found_near_m, self.found_m + self.true_m - self.true_near_m)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 if one network is empty, NaN if both are."""
        if not self.true_m or not self.found_m:
            return 0.0 if self.true_m or self.found_m else np.nan
        return _quotient(2 * self.precision * self.recall, self.precision + self.recall) if self.found_near_m else 0.0


def _quotient(part: float, whole: float) -> float:
    """Return a share, which lengths of pieces, added up, may exceed by rounding."""
    return min(1.0, part / whole) if whole else np.nan


def parts_beyond(lines: Lines, others: Lines, distance_m: float) -> Lines:
    """Cut out the parts of lines `(lines,)` farther than a distance from all others: LineStrings `(parts,)`."""
    areas = shapely.buffer(cut_lines(others)[0], distance_m + _ROUNDING_M, quad_segs=_SEGMENTS)
    rest, owner = cut_lines(lines)
    line, area = shapely.STRtree(areas).query(rest, predicate="intersects")
    order = np.argsort(line, kind="stable")
    line, area = line[order], area[order]
    # Subtract one area at a time from each piece of a line, for all at once.
    turn = np.arange(len(line)) - np.searchsorted(line, line)
    for number in range(int(turn.max(initial=-1)) + 1):
        now = turn == number
        rest[line[now]] = shapely.difference(rest[line[now]], areas[area[now]])
    parts, piece = shapely.get_parts(rest, return_index=True)
    parts, piece = parts[~shapely.is_empty(parts)], piece[~shapely.is_empty(parts)]
    whole = np.asarray(shapely.multilinestrings(parts, indices=np.unique(owner[piece], return_inverse=True)[1]))
    parts = shapely.get_parts(shapely.line_merge(whole))
    beyond: Lines = parts[shapely.length(parts) > _ROUNDING_M]
    return beyond


def cut_lines(lines: Lines) -> tuple[Lines, Ids]:
    """Cut lines into pieces whose buffers and distances are cheap, in order; return the line of each piece, too."""
    return cut_pieces(lines, most=_VERTICES)
