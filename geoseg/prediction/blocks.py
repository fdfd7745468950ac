"""Predict one block of a plan: read, score and blend, overlapped in time."""

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.models.engines.engine import Engine, stream
from geoseg.models.legend import LEVELS, NODATA
from geoseg.rasters.read import scaled
from geoseg.tiling import Carried, Roi, Tile, blend, is_repeated, prefetch, sum_of_squares, tile_rows_of, within

from .holes import fill_holes
from .plan import Plan
from .strips import Strip, read_strips
from .timings import Timings

_TILES_AHEAD = 4
"""Scored tiles that may queue for blending: enough to keep the network busy."""

_ROWS_IN_CACHE = 32
"""Rows whose scores fit the cache of a core."""

_COLUMNS = 512
"""Columns of finished rows that are skipped together where none of their pixels is valid."""

Scored = tuple[Tile, npt.NDArray[np.float32] | None]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Finished rows of a block, which no later tile overlaps.

    Probabilities are integers from 0 to `LEVELS`. All layers are `NODATA` where the scene has no data and outside the
    area of interest; where no tile has data, their arrays repeat it and take no memory.
    """

    rows: slice
    cols: slice
    classes: npt.NDArray[np.uint8]
    """Class ids `(rows, columns)`, or the number of classes where none has the probability `min_confidence`."""
    confidence: npt.NDArray[np.uint8] | None
    """Probability of the winning class `(rows, columns)`; None unless requested."""
    disagreement: npt.NDArray[np.uint8] | None
    """How far overlapping tiles disagree `(rows, columns)`, as `Settings.disagreement`; None unless requested."""
    probabilities: npt.NDArray[np.uint8] | None
    """Probability of each class `(classes, rows, columns)`; None unless requested."""
    road: npt.NDArray[np.uint8] | None
    """Probability of road `(rows, columns)`; None without roads, or with `probabilities`."""
    halved: bool = False
    """Whether a device has halved its batch by now."""

    @property
    def empty(self) -> bool:
        """Whether no tile has data."""
        return is_repeated(self.classes)


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
        rows = blend(
            _tile_by_tile(plan, block, tile_rows, clock.awaiting("blend", scored)),
            plan.lattice,
            plan.window,
            block,
            squares=plan.settings.disagreement,
            carried=carried,
        )
        yield from clock.producing("blend", _finished(plan, block, rows, waiting))


def _read(plan: Plan, block: Roi, tile_rows: range, waiting: deque[Strip]) -> Iterator[Strip]:
    """Read strips, and keep each in `waiting` for its validity mask until its rows are finished."""
    for strip in read_strips(plan, block, tile_rows):
        waiting.append(strip)
        yield strip


def _score(plan: Plan, block: Roi, strips: Generator[Strip, None, None], engine: Engine) -> Iterator[Scored | None]:
    """Score strips from top to bottom, each tile in lattice order; None for a strip without data.

    Tiles that the network is scoring are finished before such a strip is passed on, so that strips are not read ahead
    without limit, however many in a row have no data.
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


def _finished(
    plan: Plan,
    block: Roi,
    blended: Iterator[tuple[slice, npt.NDArray[np.float32] | None]],
    waiting: deque[Strip],
) -> Iterator[Rows]:
    """Finish blended rows."""
    for rows, scores in blended:
        yield _finish(plan, rows, block[1], scores, _strip_of(waiting, rows).wanted_in(rows, block[1]))


def _finish(
    plan: Plan, rows: slice, cols: slice, scores: npt.NDArray[np.float32] | None, valid: npt.NDArray[np.bool_]
) -> Rows:
    """Choose classes and quantise probabilities of blended scores `(rows, columns, classes)`.

    Scores are None where no tile has data; with `disagreement`, the last of them are sums of squares.
    """
    settings, shape, lowest = plan.settings, valid.shape, plan.lowest_level
    fill = _repeat_nodata if scores is None else _fill_with_nodata
    classes = fill(shape)
    confidence = fill(shape) if settings.confidence else None
    disagreement = fill(shape) if settings.disagreement else None
    probabilities = fill((len(plan.card.legend), *shape)) if settings.probabilities else None
    road = None if plan.road is None or settings.probabilities else fill(shape)
    if scores is not None:
        planes = np.moveaxis(scores, -1, 0)
        for part in _with_data(valid):
            some, missing = planes[: len(plan.card.legend), :, part], ~valid[:, part] * np.uint8(NODATA)
            winners, highest = _winners(some)
            if confidence is not None or lowest is not None:
                levels = _quantise(highest)
                if lowest is not None:
                    winners[levels < lowest] = len(plan.card.legend)
                if confidence is not None:
                    np.maximum(levels, missing, out=confidence[:, part])
            np.maximum(winners, missing, out=classes[:, part])
            if disagreement is not None:
                spread = np.maximum(planes[-1, :, part] - sum_of_squares(some), 0)
                np.maximum(_quantise(np.sqrt(spread / 2)), missing, out=disagreement[:, part])
            if probabilities is not None:
                np.maximum(_quantise(some), missing, out=probabilities[:, :, part])
            if road is not None:
                np.maximum(_quantise(some[plan.road]), missing, out=road[:, part])
    return Rows(
        rows=rows,
        cols=cols,
        classes=classes,
        confidence=confidence,
        disagreement=disagreement,
        probabilities=probabilities,
        road=road,
    )


def _fill_with_nodata(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    return np.full(shape, NODATA, np.uint8)


def _repeat_nodata(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    return np.broadcast_to(np.uint8(NODATA), shape)


def _with_data(valid: npt.NDArray[np.bool_]) -> Iterator[slice]:
    """Yield spans of columns that hold all valid pixels `(rows, columns)`, and few others."""
    width = valid.shape[1]
    starts = np.arange(0, width, _COLUMNS)
    some = np.logical_or.reduceat(valid.any(axis=0), starts)
    changes = np.flatnonzero(np.diff(some, prepend=False, append=False)) * _COLUMNS
    for start, stop in changes.reshape(-1, 2):
        yield slice(int(start), min(int(stop), width))


def _winners(planes: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Return the class with the highest score, the first of equal ones, and its score `(rows, columns)`.

    It is `argmax(axis=0)`, several times as fast: a few rows at a time, which stay in the cache.
    """
    classes = np.zeros(planes.shape[1:], np.uint8)
    highest = planes[0].copy()
    for top in range(0, len(classes), _ROWS_IN_CACHE):
        part = slice(top, top + _ROWS_IN_CACHE)
        for number, scores in enumerate(planes[1:, part], 1):
            higher = scores > highest[part]
            # Later classes have higher numbers, so the last that won is the maximum.
            np.maximum(classes[part], higher.view(np.uint8) * np.uint8(number), out=classes[part])
            np.maximum(highest[part], scores, out=highest[part])
    return classes, highest


def _quantise(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Round probabilities to levels, 0 to `LEVELS`."""
    levels: npt.NDArray[np.float32] = np.rint(probability * np.float32(LEVELS))
    return np.clip(levels, 0, LEVELS, out=levels).astype(np.uint8)
