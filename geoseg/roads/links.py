"""The links between neighbouring pixels of a band of skeleton, and the runs of pixels that they string together."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .windows import Mask

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Links:
    """Pixels of a band, and which are linked."""

    pixels: Ids
    """Row × width + column within the band, ascending."""

    tail: Ids
    """Index into `pixels` of where each arc starts; arcs `i` and `i + arcs / 2` are one link, there and back."""

    degree: Ids
    """Links of each pixel, those to rows above the band included; too few in rows that are not complete."""

    known: Mask
    """Whether all links of each pixel are known."""

    seam: Mask
    """Whether each pixel has links outside the band, or may have."""

    downward: Ids
    """Links of each column's pixel in the last row to the row above it `(width,)`."""

    @property
    def head(self) -> Ids:
        """Index into `pixels` of where each arc ends."""
        return np.roll(self.tail, self.tail.size // 2)

    def closed(self, run: Ids) -> bool:
        """Tell whether a run is a ring without nodes."""
        return bool(run[0] == run[-1] and self.degree[run[0]] == 2 and not self.seam[run[0]])

    def runs(self) -> Iterator[Ids]:
        """Yield indices into `pixels` of each run, from a node or seam to the next; rings end where they start."""
        tail, head = self.tail, self.head
        arcs = tail.size
        if not arcs:
            return
        number = np.arange(arcs)
        leaving = np.argsort(tail, kind="stable")
        first = np.searchsorted(tail[leaving], np.arange(self.pixels.size))
        last_arc = (self.degree[head] != 2) | self.seam[head]
        on = number[~last_arc]
        back = (on + arcs // 2) % arcs
        # A pixel with two links has two leaving arcs: the way on is the one that is not the way back.
        pair = first[head[on]]
        onward = number.copy()
        onward[on] = np.where(leaving[pair] == back, leaving[pair + 1], leaving[pair])
        # List ranking by pointer jumping: after k rounds every arc knows the arc 2^k steps on, and how many they were.
        steps, target = (~last_arc).astype(np.int64), onward.copy()
        for _ in range(int(arcs).bit_length()):
            if last_arc[target].all():
                break
            steps += steps[target]
            target = target[target]
        reaching = np.flatnonzero(last_arc[target])
        order = reaching[np.lexsort((-steps[reaching], target[reaching]))]
        starts = np.flatnonzero(np.r_[True, np.diff(target[order]) != 0]) if order.size else order
        for one_way in np.split(order, starts[1:]) if order.size else ():
            # Each run is met twice, once in either direction.
            if one_way[-1] < (one_way[0] + arcs // 2) % arcs:
                yield np.r_[tail[one_way[0]], head[one_way]]
        ring_arcs = set(np.flatnonzero(~last_arc[target]).tolist())
        for arc in sorted(ring_arcs):
            if arc not in ring_arcs:
                continue
            ring = [arc]
            while (arc := int(onward[arc])) != ring[0]:
                ring.append(arc)
            ring_arcs.difference_update(ring, ((a + arcs // 2) % arcs for a in ring))
            yield np.r_[tail[ring[0]], head[ring]]


def link(rows: Mask, upward: Ids, *, complete: int) -> Links:
    """Link the pixels of a band.

    Parameters
    ----------
    rows
        The skeleton `(rows, width)`.
    upward
        For each column, how many links its pixel in the first row has to the row above the band `(width,)`.
    complete
        How many of the rows have all their links within the band or in `upward`; links within the others are left to
        the next band.
    """
    height, width = rows.shape
    framed = np.pad(rows, 1)
    stride = width + 2
    flat = framed.ravel()
    place = np.flatnonzero(flat)
    upper = place[place < (complete + 1) * stride]
    right, below = flat[upper + 1], flat[upper + stride]
    below_left = flat[upper + stride - 1] & ~flat[upper - 1] & ~below
    below_right = flat[upper + stride + 1] & ~right & ~below
    source = np.concatenate([upper[right], upper[below], upper[below_left], upper[below_right]])
    reach = np.repeat([1, stride, stride - 1, stride + 1], [d.sum() for d in (right, below, below_left, below_right)])
    lower = np.searchsorted(place, source + reach)
    tail = np.concatenate([np.searchsorted(place, source), lower])
    row, column = place // stride - 1, place % stride - 1
    inside = np.bincount(tail, minlength=place.size)
    outside = np.where(row == 0, upward[column], 0)
    downward = np.zeros(width, np.int64)
    in_last = row == height - 1
    # Of the links within the last row none is counted yet while it is not complete.
    downward[column[in_last]] = (inside + outside)[in_last]
    return Links(
        pixels=row * width + column,
        tail=tail,
        degree=inside + outside,
        known=row < complete,
        seam=(row >= complete) | (outside > 0),
        downward=downward,
    )
