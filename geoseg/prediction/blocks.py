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
from geoseg.tiling import Roi, Tile, blend, prefetch, within

from .holes import fill_holes
from .plan import Plan
from .strips import Strip, read_strips
from .timings import Timings

_TILES_AHEAD = 4
"""Scored tiles that may queue for blending: enough to keep the network busy."""

_ROWS_IN_CACHE = 32

Scored = tuple[Tile, npt.NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Finished rows of a block, which no later tile overlaps.

    Probabilities are integers from 0 to `LEVELS`. All layers are `NODATA` where the scene has no data and outside the
    area of interest.
    """

    rows: slice
    cols: slice
    classes: npt.NDArray[np.uint8]
    """Class ids `(rows, columns)`."""
    confidence: npt.NDArray[np.uint8] | None
    """Probability of the winning class `(rows, columns)`; None unless requested."""
    probabilities: npt.NDArray[np.uint8] | None
    """Probability of each class `(classes, rows, columns)`; None unless requested."""
    road: npt.NDArray[np.uint8] | None
    """Probability of road `(rows, columns)`; None without roads, or with `probabilities`."""
    halved: bool = False
    """Whether a device has halved its batch by now."""


def predict_block(plan: Plan, block: Roi, engine: Engine, clock: Timings | None = None) -> Iterator[Rows]:
    """Yield the finished rows of a block from top to bottom; raises SceneError if the scene cannot be read."""
    waiting: deque[Strip] = deque()
    clock = clock or Timings()
    strips = prefetch(clock.producing("read", _read(plan, block, waiting)), depth=1)
    tiles = _score(plan, block, clock.awaiting("network", strips), engine)
    scored = prefetch(clock.producing("network", tiles), depth=_TILES_AHEAD)
    with closing(scored):  # an error's traceback would keep it open
        yield from clock.producing("blend", _blend(plan, block, clock.awaiting("blend", scored), waiting))


def valid_pixels(plan: Plan, strip: Strip, rows: slice, cols: slice) -> npt.NDArray[np.bool_]:
    """Where part of a strip has data and is in the area of interest `(rows, columns)`."""
    valid = strip.valid[within(rows, strip.rows), within(cols, strip.cols)]
    return valid if plan.aoi is None else valid & ~plan.aoi.outside(rows, cols)


def _read(plan: Plan, block: Roi, waiting: deque[Strip]) -> Iterator[Strip]:
    """Read strips, and keep each in `waiting` for its validity mask until its rows are finished."""
    for strip in read_strips(plan, block):
        waiting.append(strip)
        yield strip


def _score(plan: Plan, block: Roi, strips: Generator[Strip, None, None], engine: Engine) -> Iterator[Scored]:
    """Score the tiles of a block in lattice order; tiles without data score zero, without the network."""
    begun: deque[tuple[Tile, bool]] = deque()
    side = plan.lattice.tile

    def with_data() -> Iterator[npt.NDArray[np.float32]]:
        for tile, pixels in _tiles(plan, block, strips):
            begun.append((tile, pixels is not None))
            if pixels is not None:
                yield pixels

    def empty() -> Iterator[Scored]:
        while begun and not begun[0][1]:
            yield begun.popleft()[0], np.zeros((side, side, len(plan.card.legend)), np.float32)

    with closing(strips):  # here, since it runs in this thread
        for scores in stream(engine, with_data(), plan.settings.batch_size or 1):
            yield from empty()
            yield begun.popleft()[0], scores
        yield from empty()


def _tiles(plan: Plan, block: Roi, strips: Iterator[Strip]) -> Iterator[tuple[Tile, npt.NDArray[np.float32] | None]]:
    """Cut strips into tiles, filled and scaled for the network: `(tile, tile, bands)`, or None for one without data."""
    strip = next(strips)
    for tile in plan.lattice.tiles(block):
        if tile.row != strip.row:
            strip = next(strips)
        cols = within(tile.cols, strip.cols)
        valid = strip.valid[:, cols]
        if valid.any():
            yield tile, scaled(fill_holes(strip.pixels[:, cols], valid), plan.scaling)
        else:
            yield tile, None


def _strip_of(waiting: deque[Strip], rows: slice) -> Strip:
    """Return the strip that holds finished rows, and drop earlier ones."""
    while waiting[0].rows.stop < rows.stop:
        waiting.popleft()
    return waiting[0]


def _blend(plan: Plan, block: Roi, scored: Iterator[Scored], waiting: deque[Strip]) -> Iterator[Rows]:
    """Blend scores, and finish their rows."""
    for rows, scores in blend(scored, plan.lattice, plan.window, block):
        yield _finish(plan, rows, block[1], scores, valid_pixels(plan, _strip_of(waiting, rows), rows, block[1]))


def _finish(
    plan: Plan, rows: slice, cols: slice, scores: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]
) -> Rows:
    """Choose classes and quantise probabilities of blended scores `(rows, columns, classes)`."""
    planes = np.moveaxis(scores, -1, 0)
    classes, highest = _winners(planes)
    classes[~valid] = NODATA
    confidence = _quantise(highest, valid) if plan.settings.confidence else None
    probabilities = _quantise(planes, valid) if plan.settings.probabilities else None
    road = None if plan.road is None or probabilities is not None else _quantise(planes[plan.road], valid)
    return Rows(rows=rows, cols=cols, classes=classes, confidence=confidence, probabilities=probabilities, road=road)


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


def _quantise(probability: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    levels = np.clip(np.rint(probability * LEVELS), 0, LEVELS)
    return np.where(valid, levels, NODATA).astype(np.uint8)
