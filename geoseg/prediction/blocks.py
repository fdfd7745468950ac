"""Predict one block of a plan: read, score and blend, overlapped in time."""

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing

import numpy as np
import numpy.typing as npt

from geoseg.models.engines.engine import Engine, stream
from geoseg.rasters.read import scaled
from geoseg.tiling import Carried, Roi, Tile, blend, prefetch, tile_rows_of, within

from .holes import fill_holes
from .plan import Plan
from .rows import Rows, finish_rows
from .strips import Strip, read_strips
from .timings import Timings

_TILES_AHEAD = 4
"""Scored tiles that may queue for blending: enough to keep the network busy."""

Scored = tuple[Tile, npt.NDArray[np.float32] | None]


def predict_block(
    plan: Plan, block: Roi, engine: Engine, clock: Timings | None = None, carried: Carried | None = None
) -> Iterator[Rows]:
    """Yield the finished rows of a block from top to bottom; raises SceneError if the scene cannot be read.

    With `carried`, scores left there by the block above are not computed again; see `blend`.
    """
    waiting: deque[Strip] = deque()
    clock = clock or Timings()
    tile_rows = tile_rows_of(plan.lattice, block, carried)
    strips = prefetch(clock.producing("read", _read(plan, block, tile_rows, waiting)), depth=1)
    tiles = _score(plan, block, clock.awaiting("network", strips), engine)
    scored = prefetch(clock.producing("network", tiles), depth=_TILES_AHEAD)
    with closing(scored):  # an error's traceback would keep it open
        blended = blend(
            _tile_by_tile(plan, block, tile_rows, clock.awaiting("blend", scored)),
            plan.lattice,
            plan.window,
            block,
            squares=plan.settings.disagreement,
            carried=carried,
        )
        finished = (
            finish_rows(plan, rows, block[1], scores, _strip_of(waiting, rows).wanted_in(rows, block[1]))
            for rows, scores in blended
        )
        yield from clock.producing("blend", finished)


def _read(plan: Plan, block: Roi, tile_rows: range, waiting: deque[Strip]) -> Iterator[Strip]:
    """Read strips, and keep each in `waiting` for its validity mask until its rows are finished."""
    for strip in read_strips(plan, block, tile_rows):
        waiting.append(strip)
        yield strip


def _score(plan: Plan, block: Roi, strips: Generator[Strip, None, None], engine: Engine) -> Iterator[Scored | None]:
    """Score strips from top to bottom, each tile in lattice order; None for a strip without data.

    Before such a strip is passed on, the tiles in progress are finished, so that a long run of strips without data is
    not read ahead without limit.
    """
    first: list[Strip] = []
    ended = False

    def with_data() -> Iterator[Strip]:
        """Yield strips up to one without data."""
        nonlocal ended
        ended = False
        yield first.pop()
        for strip in strips:
            if not strip.with_data.any():
                ended = True
                return
            yield strip
            del strip  # it may be finished before the next is read

    with closing(strips):  # here, since it runs in this thread
        for strip in strips:
            if strip.with_data.any():
                first.append(strip)
                del strip
                yield from _score_tiles(plan, block, with_data(), engine)
                if not ended:
                    return
            yield None


def _score_tiles(plan: Plan, block: Roi, strips: Iterator[Strip], engine: Engine) -> Iterator[Scored]:
    """Score the tiles of some strips; None for tiles without data, which the network does not see."""
    waiting: deque[tuple[Tile, bool]] = deque()
    """Tiles in order, and whether each has data."""

    def with_data() -> Iterator[npt.NDArray[np.float32]]:
        for tile, pixels in _tiles(plan, block, strips):
            waiting.append((tile, pixels is not None))
            if pixels is not None:
                yield pixels

    def empty() -> Iterator[Scored]:
        while waiting and not waiting[0][1]:
            yield waiting.popleft()[0], None

    for scores in stream(engine, with_data(), plan.settings.batch_size or 1):
        yield from empty()
        yield waiting.popleft()[0], scores
    yield from empty()


def _tiles(plan: Plan, block: Roi, strips: Iterator[Strip]) -> Iterator[tuple[Tile, npt.NDArray[np.float32] | None]]:
    """Cut strips into tiles, filled and scaled for the network: `(tile, tile, bands)`, or None for one without data."""
    first = plan.lattice.touching(block)[1].start
    for strip in strips:
        for tile in plan.lattice.tiles(block, range(strip.row, strip.row + 1)):
            cols = within(tile.cols, strip.cols)
            if strip.with_data[tile.col - first]:
                yield tile, scaled(fill_holes(strip.pixels[:, cols], strip.valid[:, cols]), plan.scaling)
            else:
                yield tile, None
        del strip  # it may be finished before the next is read


def _tile_by_tile(plan: Plan, block: Roi, tile_rows: range, scored: Iterator[Scored | None]) -> Iterator[Scored]:
    """Turn strips without data into their tiles."""
    row = tile_rows.start
    for each in scored:
        if each is None:
            yield from ((tile, None) for tile in plan.lattice.tiles(block, range(row, row + 1)))
            row += 1
        else:
            yield each
            row = each[0].row + 1


def _strip_of(waiting: deque[Strip], rows: slice) -> Strip:
    """Return the strip that holds finished rows, and drop earlier ones."""
    while waiting[0].rows.stop < rows.stop:
        waiting.popleft()
    return waiting[0]
