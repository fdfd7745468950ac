"""Join the pieces of all blocks to chains; their order and direction do not depend on the blocks."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled_as
from geoseg.roads.arrays import Bytes, Flags, Ids
from geoseg.roads.skeleton.distance import Distance
from geoseg.roads.skeleton.neighbours import COLUMN_STEP, ROW_STEP
from geoseg.roads.skeleton.pieces import PLAZA, Pieces

_DIRECTION = np.zeros(9, np.uint8)
_DIRECTION[3 * ROW_STEP + COLUMN_STEP + 4] = np.arange(8)


@dataclass(frozen=True, kw_only=True, eq=False)
class Chains:
    """Runs of skeleton pixels from node to node, and rings; three bytes per pixel."""

    start: Ids
    """Offsets of the chains in `code`, `(chains + 1,)`."""
    ends: Ids
    """Ids of the first and last pixel `(chains, 2)`; a ring ends where it starts."""
    ring: Flags
    """Whether a chain is a ring without nodes `(chains,)`."""
    half_width: Distance
    """As in `Pieces` `(chains, 2)`; 0 in rings."""
    code: Bytes
    level: Bytes
    width: Bytes
    """As in `Pieces`."""


def splice(blocks: Iterable[Pieces], columns: int) -> Chains:
    """Join the pieces of blocks, in any order, of a grid with some columns.

    Raises ValueError if blocks overlap or are missing, so that pieces do not meet in pairs.
    """
    gathered: dict[str, list[npt.NDArray[Any]]] = {field.name: [] for field in fields(Pieces)}
    filled = 0
    for pieces in blocks:
        for name, values in gathered.items():
            values.append(pieces.start[:-1] + filled if name == "start" else getattr(pieces, name))
        filled += pieces.code.size
    gathered["start"].append(np.array([filled]))
    # Each list is freed before the next is joined: samples take most of the memory of a large scene.
    start, ends, beyond, half_width, code, level, width = (
        np.concatenate(gathered.pop(field.name)) for field in fields(Pieces)
    )
    partner = _partners(ends.ravel(), beyond.ravel())
    first, last, size, key, ring = _find_chains(start, ends.ravel(), beyond.ravel(), partner, code, columns)
    order = np.lexsort((key[:, 1], key[:, 0]))
    first, last, size, ring = first[order], last[order], size[order], ring[order]
    begin = np.concatenate([[0], np.cumsum(size)])
    half_width = half_width.ravel()
    half_width = np.column_stack([half_width[first], half_width[last]])
    half_width[ring] = 0
    steps = ROW_STEP * columns + COLUMN_STEP
    line = np.empty((int(size.max(initial=0)), 2), np.int64)
    chain_ends = np.empty((first.size, 2), np.int64)
    samples = code, level, width
    code, level, width = (np.empty(begin[-1], np.uint8) for _ in samples)
    _copy(
        start, ends.ravel(), partner, steps, *samples, first, begin, ring, columns, line, chain_ends, code, level, width
    )
    return Chains(start=begin, ends=chain_ends, ring=ring, half_width=half_width, code=code, level=level, width=width)


def _partners(ends: Ids, beyond: Ids) -> Ids:
    """Return the end of another piece that adjoins each end of a piece, or -1."""
    partner = np.full(ends.size, -1, np.int64)
    leaving = np.flatnonzero(beyond >= 0)
    low, high = np.minimum(ends[leaving], beyond[leaving]), np.maximum(ends[leaving], beyond[leaving])
    order = np.lexsort((high, low))
    leaving, low, high = leaving[order], low[order], high[order]
    one, other = leaving[::2], leaving[1::2]
    if one.size != other.size or (low[::2] != low[1::2]).any() or (high[::2] != high[1::2]).any():
        raise ValueError("the skeleton does not continue in the adjoining block: blocks overlap or are missing.")
    if (ends[one] != beyond[other]).any() or (ends[other] != beyond[one]).any():
        raise ValueError("two adjoining pieces do not continue each other.")
    partner[one], partner[other] = other, one
    return partner


def _find_chains(  # noqa: PLR0917 - all of the pieces
    start: Ids, ends: Ids, beyond: Ids, partner: Ids, code: Bytes, columns: int
) -> tuple[Ids, Ids, Ids, Ids, Flags]:
    """Return for each chain the ends of pieces where it starts and stops, its size, first two ids, and if it is a ring.

    An open chain has the direction in which its first two ids are smaller.
    """
    pieces = start.size - 1
    owner = np.full(pieces, -1, np.int64)
    first, last, size = (np.empty(pieces, np.int64) for _ in range(3))
    opened, count = _label(start, beyond, partner, owner, first, last, size)
    first, last, size = first[:count], last[:count], size[:count]
    ring = np.arange(count) >= opened
    steps = ROW_STEP * columns + COLUMN_STEP
    # The second pixel from each end of a piece.
    single = np.diff(start) == 1
    second = np.empty(ends.size, np.int64)
    second[::2] = np.where(single, beyond[1::2], ends[::2] + steps[code[start[:-1]] & 7])
    second[1::2] = np.where(single, beyond[::2], ends[1::2] + steps[code[start[1:] - 2] & 7 ^ 4])
    turned = ~ring & ((ends[last] < ends[first]) | ((ends[last] == ends[first]) & (second[last] < second[first])))
    first, last = np.where(turned, last, first), np.where(turned, first, last)
    key = np.column_stack([ends[first], second[first]])
    if opened < count:
        chosen = np.flatnonzero(owner >= opened)
        key[opened:] = _lowest(start, ends, beyond, code, steps, chosen, owner[chosen] - opened, count - opened)
    return first, last, size, key, ring


def _lowest(  # noqa: PLR0917 - all of the pieces
    start: Ids, ends: Ids, beyond: Ids, code: Bytes, steps: Ids, pieces: Ids, owner: Ids, rings: int
) -> Ids:
    """Return the lowest id of each ring and that of its lower neighbour `(rings, 2)`."""
    # The only piece of a ring repeats its first pixel at its end.
    closed = beyond[2 * pieces] == -2
    size = start[pieces + 1] - start[pieces] - closed
    stop = np.cumsum(size)
    begin = stop - size
    pixel = np.arange(stop[-1]) + np.repeat(start[pieces] - begin, size)
    along = np.cumsum(steps[code[pixel] & 7])
    place = np.repeat(ends[2 * pieces] - along[begin] + steps[code[start[pieces]] & 7], size)
    place[1:] += along[:-1]
    place[begin] = ends[2 * pieces]
    before, after = np.roll(place, 1), np.roll(place, -1)
    before[begin] = np.where(closed, place[stop - 1], beyond[2 * pieces])
    after[stop - 1] = np.where(closed, place[begin], beyond[2 * pieces + 1])
    ring = np.repeat(owner, size)
    order = np.lexsort((place, ring))
    lowest = order[np.searchsorted(ring[order], np.arange(rings))]
    return np.column_stack([place[lowest], np.minimum(before[lowest], after[lowest])])


@compiled_as("(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])")
def _label(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids, beyond: Ids, partner: Ids, owner: Ids, first: Ids, last: Ids, size: Ids
) -> tuple[int, int]:
    """Find the chain of each piece, and the first and last end and the pixels of each chain; open chains come first.

    Returns the number of open chains and of all.
    """
    count = opened = 0
    for phase in range(2):
        for head in range(beyond.size):
            if owner[head // 2] >= 0 or (phase == 0 and beyond[head] != -1):
                continue
            end, pixels = head, 0
            while True:
                owner[end // 2] = count
                pixels += start[end // 2 + 1] - start[end // 2]
                end = end ^ 1
                if partner[end] < 0 or partner[end] == head:
                    break
                end = partner[end]
            if partner[end] == head:  # a ring of several pieces does not yet repeat its first pixel
                pixels += 1
            first[count], last[count], size[count] = head, end, pixels
            count += 1
        if phase == 0:
            opened = count
    return opened, count


@compiled_as(
    "(int64[::1], int64[::1], int64[::1], int64[::1], uint8[::1], uint8[::1], uint8[::1], int64[::1], int64[::1],"
    " boolean[::1], int64, int64[:,::1], int64[:,::1], uint8[::1], uint8[::1], uint8[::1])"
)
def _copy(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids,
    ends: Ids,
    partner: Ids,
    steps: Ids,
    code: Bytes,
    level: Bytes,
    width: Bytes,
    first: Ids,
    begin: Ids,
    ring: Flags,
    columns: int,
    line: Ids,
    chain_ends: Ids,
    new_code: Bytes,
    new_level: Bytes,
    new_width: Bytes,
) -> None:
    """Copy the samples of all chains; `line` has room for the ids and the former indices of any chain's pixels."""
    for chain in range(first.size):
        size = begin[chain + 1] - begin[chain]
        end, filled = first[chain], 0
        while filled < size:
            piece = end // 2
            place = ends[end]
            at, step = (start[piece], 1) if end % 2 == 0 else (start[piece + 1] - 1, -1)
            for _ in range(min(start[piece + 1] - start[piece], size - filled)):
                line[filled, 0], line[filled, 1] = place, at
                filled += 1
                direction = code[at] & 7 if step > 0 else code[max(at - 1, 0)] & 7 ^ 4
                place += steps[direction]
                at += step
            end = max(partner[end ^ 1], 0)
        # A ring starts at its lowest pixel, and its second is the lower of that pixel's neighbours.
        at, step, cycle = 0, 1, size
        if ring[chain]:
            cycle = size - 1
            for k in range(cycle):
                if line[k, 0] < line[at, 0]:
                    at = k
            if line[(at - 1) % cycle, 0] < line[(at + 1) % cycle, 0]:
                step = -1
        row = col = 0
        for k in range(size):
            place, source = line[at, 0], line[at, 1]
            onto = begin[chain] + k
            new_level[onto], new_width[onto], new_code[onto] = level[source], width[source], code[source] & PLAZA
            old_row, old_col = row, col
            row, col = place // columns, place % columns
            if k:
                new_code[onto - 1] |= _DIRECTION[3 * (row - old_row) + col - old_col + 4]
            else:
                chain_ends[chain, 0] = place
            chain_ends[chain, 1] = place
            at = (at + step) % cycle
