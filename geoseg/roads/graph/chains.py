"""Join the pieces of all blocks to chains; their order and direction do not depend on the blocks."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from geoseg.compiled import compiled
from geoseg.roads.arrays import Bytes, Flags, Ids
from geoseg.roads.skeleton.distance import Distance
from geoseg.roads.skeleton.neighbours import COLUMN_STEP, ROW_STEP
from geoseg.roads.skeleton.pieces import PLAZA, Pieces

Whole = TypeVar("Whole", bound=np.integer[Any])


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
    first, size, key, ring = _survey(start, ends.ravel(), beyond.ravel(), partner, code, columns)
    order = np.lexsort((key[:, 1], key[:, 0]))
    first, size, ring = first[order], size[order], ring[order]
    begin = np.concatenate([[0], np.cumsum(size)])
    ends, code, level, width, tail = _copy(
        start, ends.ravel(), partner, (code, level, width), first, begin, ring, columns
    )
    half_width = half_width.ravel()
    half_width = np.column_stack([half_width[first], half_width[tail]])
    half_width[ring] = 0
    return Chains(start=begin, ends=ends, ring=ring, half_width=half_width, code=code, level=level, width=width)


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


@compiled
def _second(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids, ends: Ids, beyond: Ids, code: Bytes, columns: int, end: int
) -> int:
    """Return the id of the second pixel from an end of a piece."""
    piece, side = end // 2, end % 2
    if start[piece + 1] - start[piece] == 1:
        next_block: int = beyond[2 * piece + 1 - side]
        return next_block
    direction = code[start[piece]] & 7 if side == 0 else code[start[piece + 1] - 2] & 7 ^ 4
    second: int = ends[end] + ROW_STEP[direction] * columns + COLUMN_STEP[direction]
    return second


@compiled
def _survey(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids, ends: Ids, beyond: Ids, partner: Ids, code: Bytes, columns: int
) -> tuple[Ids, Ids, Ids, Flags]:
    """Return for each chain the end of a piece where it starts, its pixel count, first two ids, and if it is a ring.

    An open chain has the direction in which its first two ids are smaller.
    """
    pieces = start.size - 1
    seen = np.zeros(pieces, np.bool_)
    first = np.empty(pieces, np.int64)
    size = np.empty(pieces, np.int64)
    key = np.empty((pieces, 2), np.int64)
    ring = np.zeros(pieces, np.bool_)
    count = 0
    for phase in range(2):
        for piece in range(pieces):
            for side in range(2):
                if seen[piece] or (phase == 0 and beyond[2 * piece + side] != -1):
                    continue
                head = end = 2 * piece + side
                pixels = 0
                while True:
                    seen[end // 2] = True
                    pixels += start[end // 2 + 1] - start[end // 2]
                    end = end ^ 1
                    if partner[end] < 0 or partner[end] == head:
                        break
                    end = partner[end]
                first[count] = head
                key[count, 0] = ends[head]
                if phase == 0:
                    key[count, 1] = _second(start, ends, beyond, code, columns, head)
                    other = _second(start, ends, beyond, code, columns, end)
                    if ends[end] < ends[head] or (ends[end] == ends[head] and other < key[count, 1]):
                        first[count], key[count, 0], key[count, 1] = end, ends[end], other
                else:
                    ring[count] = True
                    # A ring of several pieces does not yet repeat its first pixel.
                    pixels += 1 if partner[head] >= 0 else 0
                    line = np.empty(pixels, np.int64)
                    _follow(start, ends, partner, code, columns, head, line)
                    at = line[:-1].argmin()
                    key[count, 0] = line[at]
                    key[count, 1] = min(line[at + 1], line[at - 1 if at else pixels - 2])
                size[count] = pixels
                count += 1
    return first[:count], size[:count], key[:count], ring[:count]


@compiled
def _follow(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids, ends: Ids, partner: Ids, code: Bytes, columns: int, head: int, line: Ids
) -> int:
    """Write the ids of a chain's pixels into `line`; return the end of its last piece."""
    end, filled = head, 0
    while True:
        piece, side = end // 2, end % 2
        place = ends[end]
        line[filled] = place
        filled += 1
        for k in range(start[piece + 1] - start[piece] - 1):
            direction = code[start[piece] + k] & 7 if side == 0 else code[start[piece + 1] - 2 - k] & 7 ^ 4
            place += ROW_STEP[direction] * columns + COLUMN_STEP[direction]
            line[filled] = place
            filled += 1
        end = end ^ 1
        if partner[end] < 0:
            return end
        end = partner[end]
        if end == head:
            line[filled] = line[0]
            return head


@compiled
def _copy_samples(start: Ids, partner: Ids, values: Bytes, head: int, line: Bytes) -> None:
    """Write the values of a chain's pixels into `line`."""
    end, filled = head, 0
    while True:
        piece, side = end // 2, end % 2
        size = start[piece + 1] - start[piece]
        if side == 0:
            line[filled : filled + size] = values[start[piece] : start[piece + 1]]
        else:
            line[filled : filled + size] = values[start[piece] : start[piece + 1]][::-1]
        filled += size
        end = partner[end ^ 1]
        if end < 0:
            return
        if end == head:
            line[filled] = line[0]
            return


@compiled
def _copy(  # noqa: PLR0917 - compiled: plain arguments
    start: Ids,
    ends: Ids,
    partner: Ids,
    samples: tuple[Bytes, Bytes, Bytes],
    first: Ids,
    begin: Ids,
    ring: Flags,
    columns: int,
) -> tuple[Ids, Bytes, Bytes, Bytes, Ids]:
    code, level, width = samples
    chains = first.size
    chain_ends = np.empty((chains, 2), np.int64)
    tail = np.empty(chains, np.int64)
    new_code = np.empty(begin[-1], np.uint8)
    new_level = np.empty(begin[-1], np.uint8)
    new_width = np.empty(begin[-1], np.uint8)
    longest = 0
    for chain in range(chains):
        longest = max(longest, begin[chain + 1] - begin[chain])
    buffer = np.empty(longest, np.int64)
    flags = np.empty(longest, np.uint8)
    direction_of = np.zeros((3, 3), np.uint8)
    for k in range(8):
        direction_of[ROW_STEP[k] + 1, COLUMN_STEP[k] + 1] = k
    for chain in range(chains):
        size = begin[chain + 1] - begin[chain]
        line, flag = buffer[:size], flags[:size]
        here = slice(begin[chain], begin[chain + 1])
        tail[chain] = _follow(start, ends, partner, code, columns, first[chain], line)
        _copy_samples(start, partner, code, first[chain], flag)
        _copy_samples(start, partner, level, first[chain], new_level[here])
        _copy_samples(start, partner, width, first[chain], new_width[here])
        if ring[chain]:
            at = int(line[:-1].argmin())
            turn = line[at - 1 if at else size - 2] < line[at + 1]
            _rotate(line, at, turn)
            _rotate(flag, at, turn)
            _rotate(new_level[here], at, turn)
            _rotate(new_width[here], at, turn)
        for k in range(size):
            direction = 0
            if k + 1 < size:
                down = line[k + 1] // columns - line[k] // columns
                right = line[k + 1] % columns - line[k] % columns
                direction = direction_of[down + 1, right + 1]
            new_code[begin[chain] + k] = direction | flag[k] & PLAZA
        chain_ends[chain, 0], chain_ends[chain, 1] = line[0], line[size - 1]
    return chain_ends, new_code, new_level, new_width, tail


@compiled
def _rotate(line: npt.NDArray[Whole], at: int, turn: bool) -> None:
    """Start a closed ring at an index, and reverse it if `turn`."""
    cycle = line[:-1].copy()
    size = cycle.size
    for k in range(size + 1):
        line[k] = cycle[(at - k if turn else at + k) % size]
