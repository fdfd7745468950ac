"""Follow a skeleton that streams by from node to node; what crosses from band to band is spliced."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .links import Links, link
from .skeleton import SkeletonStrip

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Chain:
    """Pixels in a row between two nodes (pixels without exactly two links), or a ring without nodes."""

    pixels: Ids
    """Row × width + column of each pixel, both nodes included; a ring ends where it starts."""

    half_width_m: npt.NDArray[np.float32]
    """Half-width of the road at each pixel, metres."""

    degrees: tuple[int, int] | None
    """Links at the first and at the last pixel; None for a ring."""


@dataclass(slots=True, eq=False)
class _Piece:
    """A chain in the making; an end without a degree waits for the rows below."""

    pixels: Ids
    half_width_m: npt.NDArray[np.float32]
    degrees: list[int | None] = field(default_factory=lambda: [None, None])
    ring: bool = False

    def starting_at(self, pixel: int) -> "_Piece":
        """Return this piece, or its reverse, such that an open end at `pixel` comes first."""
        if self.pixels[0] == pixel and self.degrees[0] is None:
            return self
        return _Piece(self.pixels[::-1], self.half_width_m[::-1], self.degrees[::-1])

    def chain(self) -> Chain | None:
        """Return the finished chain, if it is one."""
        first, last = self.degrees
        if not self.ring and (first is None or last is None):
            return None
        degrees = (first, last) if first is not None and last is not None else None
        return Chain(pixels=self.pixels, half_width_m=self.half_width_m, degrees=degrees)


def trace_chains(strips: Iterable[SkeletonStrip], width: int) -> Iterator[list[Chain]]:
    """Yield the chains that each band completes.

    Two pixels side by side are linked; two pixels that touch by a corner are linked if neither pixel beside both is
    part of the skeleton (mixed adjacency): the inner corners of a stair then make no triangles.

    Parameters
    ----------
    strips
        Consecutive bands of the skeleton, of any heights.
    width
        Columns of the skeleton.

    Yields
    ------
    list of Chain
        One list for each band, and one at the end. Every chain is in one of them, and no pixel without links.
    """
    above = SkeletonStrip(rows=np.zeros((0, width), np.bool_), half_width_m=np.zeros(0, np.float32))
    upward = np.zeros(width, np.int64)  # links of the topmost row to the row above it
    first_row = 0
    open_ends: dict[int, list[_Piece]] = {}
    for strip in strips:
        if not len(strip.rows):
            continue
        rows = np.concatenate([above.rows, strip.rows])
        half_width_m = np.concatenate([above.half_width_m, strip.half_width_m])
        # The links of the last row are known only with the next band; its pixels' ends stay open until then.
        links = link(rows, upward, complete=len(rows) - 1)
        chains, open_ends = _splice(links, half_width_m, first_row * width, open_ends)
        yield chains
        count = int(np.count_nonzero(rows[-1]))
        above = SkeletonStrip(rows=rows[-1:], half_width_m=half_width_m[half_width_m.size - count :])
        upward, first_row = links.downward, first_row + len(rows) - 1
    links = link(above.rows, upward, complete=len(above.rows))
    chains, _ = _splice(links, above.half_width_m, first_row * width, open_ends)
    yield chains


def _splice(
    links: Links, half_width_m: npt.NDArray[np.float32], offset: int, carried: dict[int, list[_Piece]]
) -> tuple[list[Chain], dict[int, list[_Piece]]]:
    """Join a band's pieces to those carried from above; return the finished chains and the open ends to carry on."""
    pixels = links.pixels + offset
    pieces: list[_Piece] = []
    ends: defaultdict[int, list[_Piece]] = defaultdict(list, carried)
    for run in links.runs():
        piece = _Piece(pixels[run], half_width_m[run])
        pieces.append(piece)
        if links.closed(run):
            piece.ring = True
            continue
        for end in (0, -1):
            if links.seam[run[end]]:
                ends[int(piece.pixels[end])].append(piece)
            else:
                piece.degrees[end] = int(links.degree[run[end]])
    here = links.known & links.seam
    degree_of = dict(zip(pixels[here].tolist(), links.degree[here].tolist(), strict=True))
    for pixel in sorted(ends.keys() & degree_of.keys()):
        meeting = ends.pop(pixel)
        if degree_of[pixel] == 2:
            pieces.append(_join(pixel, meeting[0], meeting[1], ends))
            continue
        for piece in meeting:
            for end in (0, -1):
                if piece.pixels[end] == pixel:
                    piece.degrees[end] = degree_of[pixel]
        pieces += meeting
    finished = [chain for chain in map(_Piece.chain, dict.fromkeys(pieces)) if chain is not None]
    return finished, dict(ends)


def _join(pixel: int, one: _Piece, other: _Piece, ends: dict[int, list[_Piece]]) -> _Piece:
    """Make one piece of the two that meet at a pixel, and put it in their place wherever they have open ends."""
    if one is other:
        one.ring = True
        return one
    head, tail = one.starting_at(pixel), other.starting_at(pixel)
    joined = _Piece(
        np.concatenate([head.pixels[:0:-1], tail.pixels]),
        np.concatenate([head.half_width_m[:0:-1], tail.half_width_m]),
        [head.degrees[1], tail.degrees[1]],
    )
    for end, old in ((0, one), (-1, other)):
        if joined.degrees[end] is None:
            waiting = ends[int(joined.pixels[end])]
            waiting[waiting.index(old)] = joined
    return joined
