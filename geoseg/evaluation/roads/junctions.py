"""Match junctions of a network with those of the reference."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from .noding import Ids, LineGraph, Points

REACH_M = 8.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Junctions:
    """Places where three or more roads meet: matched ones first, then missed, then false."""

    place: Points
    """x and y `(junctions, 2)`: the reference's, unless false."""
    true_degree: Ids
    """Number of roads `(junctions,)` in the reference; 0 without a junction."""
    found_degree: Ids
    """Number of roads `(junctions,)` in the found network; 0 without a junction."""
    offset_m: npt.NDArray[np.float64]
    """Distance of matched junctions `(junctions,)`; NaN for the others."""

    @property
    def found(self) -> int:
        """Number of matched junctions."""
        return int(((self.true_degree > 0) & (self.found_degree > 0)).sum())

    @property
    def right_degree(self) -> int:
        """Number of matched junctions with the same number of roads."""
        return int((self.true_degree == self.found_degree).sum())

    @property
    def missed(self) -> int:
        """Number of junctions in the reference only."""
        return int((self.found_degree == 0).sum())

    @property
    def false(self) -> int:
        """Number of junctions in the found network only."""
        return int((self.true_degree == 0).sum())


def match_junctions(reference: LineGraph, found: LineGraph, *, reach_m: float = REACH_M) -> Junctions:
    """Match junctions one to one, nearest first, at most `reach_m` apart."""
    true_degree, found_degree = reference.degree, found.degree
    ours, theirs = np.flatnonzero(true_degree > 2), np.flatnonzero(found_degree > 2)
    pairs = cKDTree(reference.place[ours]).sparse_distance_matrix(
        cKDTree(found.place[theirs]), reach_m, output_type="ndarray"
    )
    pairs = np.sort(pairs, order=["v", "i", "j"])
    free_ours, free_theirs = np.ones(len(ours), np.bool_), np.ones(len(theirs), np.bool_)
    kept = []
    for i, j, distance in pairs.tolist():
        if free_ours[i] and free_theirs[j]:
            free_ours[i] = free_theirs[j] = False
            kept.append((ours[i], theirs[j], distance))
    both = np.array(kept).reshape(-1, 3)
    one, other = both[:, 0].astype(np.int64), both[:, 1].astype(np.int64)
    missed, false = ours[free_ours], theirs[free_theirs]
    nothing = np.zeros(len(missed) + len(false), np.int64)
    return Junctions(
        place=np.concatenate([reference.place[one], reference.place[missed], found.place[false]]),
        true_degree=np.concatenate([true_degree[one], true_degree[missed], nothing[: len(false)]]),
        found_degree=np.concatenate([found_degree[other], nothing[: len(missed)], found_degree[false]]),
        offset_m=np.concatenate([both[:, 2], np.full(len(nothing), np.nan)]),
    )
