"""Which junctions of the truth were found."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from .noding import Ids, LineGraph, Points

REACH_M = 8.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Junctions:
    """Places where three roads or more meet, of two networks: first those that both have, then missed, then false."""

    place: Points
    """x and y `(junctions, 2)`, of the truth where it has the junction."""
    true_degree: Ids
    """Roads that meet `(junctions,)`; 0 where the truth has no junction."""
    found_degree: Ids
    """Roads that meet in the found network `(junctions,)`; 0 where it has no junction."""
    offset_m: npt.NDArray[np.float64]
    """Distance of both `(junctions,)`; NaN where there is but one."""

    @property
    def found(self) -> int:
        """How many both have."""
        return int(((self.true_degree > 0) & (self.found_degree > 0)).sum())

    @property
    def right_degree(self) -> int:
        """How many both have, with as many roads."""
        return int((self.true_degree == self.found_degree).sum())

    @property
    def missed(self) -> int:
        """How many only the truth has."""
        return int((self.found_degree == 0).sum())

    @property
    def false(self) -> int:
        """How many only the found network has."""
        return int((self.true_degree == 0).sum())


def match_junctions(truth: LineGraph, found: LineGraph, *, reach_m: float = REACH_M) -> Junctions:
    """Match junctions one to one: the nearest first, none farther apart than `reach_m`."""
    true_degree, found_degree = truth.degree, found.degree
    ours, theirs = np.flatnonzero(true_degree > 2), np.flatnonzero(found_degree > 2)
    pairs = cKDTree(truth.place[ours]).sparse_distance_matrix(
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
        place=np.concatenate([truth.place[one], truth.place[missed], found.place[false]]),
        true_degree=np.concatenate([true_degree[one], true_degree[missed], nothing[: len(false)]]),
        found_degree=np.concatenate([found_degree[other], nothing[: len(missed)], found_degree[false]]),
        offset_m=np.concatenate([both[:, 2], np.full(len(nothing), np.nan)]),
    )
