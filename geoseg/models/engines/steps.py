"""The computation of a strip on a device, step by step, in Keras operations; each step is compiled on its own.

Products of scores and weights are stored by one step and added by another. A compiler that saw both might fuse them
into one rounding, here and not there, and the bits of a pixel would depend on the batch or device of its neighbour.
"""

from typing import Any

from keras import ops

from geoseg.models.legend import LEVELS

from .strips import Layers

Array = Any
"""An array of the backend, or a symbolic one."""


def cut(strip: Array, starts: Array, offset: Array, gain: Array) -> Array:
    """Cut tiles from a strip `(bands, side, columns)` and scale them, as `geoseg.rasters.read.scaled` does.

    `starts` are the first columns of the tiles `(tiles,)`, `offset` and `gain` are `(bands,)`; the result is
    `(tiles, side, side, bands)` in float32.
    """
    bands, side, _ = strip.shape
    tiles = [ops.slice(strip, (0, 0, starts[number]), (bands, side, side)) for number in range(starts.shape[0])]
    pixels = ops.cast(ops.transpose(ops.stack(tiles), (0, 2, 3, 1)), "float32")
    return ops.clip((pixels - offset) * gain, 0, 255)


def turn(tiles: Array, *, turns: int, mirrored: bool) -> Array:
    """Mirror tiles left to right, then turn them by quarter turns."""
    return ops.rot90(ops.flip(tiles, axis=2) if mirrored else tiles, turns, axes=(1, 2))


def turn_back(scores: Array, *, turns: int, mirrored: bool) -> Array:
    """Undo `turn`."""
    upright = ops.rot90(scores, -turns, axes=(1, 2))
    return ops.flip(upright, axis=2) if mirrored else upright


def add(total: Array, scores: Array) -> Array:
    """Add scores to a sum."""
    return total + scores


def mean(total: Array, *, count: int) -> Array:
    """Divide a sum by a power of two, which is exact."""
    return total / count


def weigh(scores: Array, up: Array, present: Array, down: Array, *, squares: bool) -> tuple[Array, Array, Array]:
    """Weight scores `(tiles, side, side, classes)` by column, and part each tile into left overlap, middle and right.

    `up` and `down` are weights of the overlaps `(tiles, overlap)`; `present` is 0 for tiles that do not count, else 1.
    With `squares`, the sum of squares of scores is weighted as if it were one more class, the last.
    """
    if squares:
        scores = ops.concatenate([scores, ops.sum(scores * scores, axis=-1, keepdims=True)], axis=-1)
    overlap, side = up.shape[1], scores.shape[2]
    left = scores[:, :, :overlap] * up[:, None, :, None]
    middle = scores[:, :, overlap : side - overlap] * present[:, None, None, None]
    right = scores[:, :, side - overlap :] * down[:, None, :, None]
    return left, middle, right


def blend(  # noqa: PLR0917 - compiled functions take arrays by position
    left: Array, middle: Array, right: Array, carried: Array, up: Array, down: Array, *, layers: Layers
) -> tuple[Array, Array, Array, Array]:
    """Blend neighbouring tiles of a strip, and weight the rows that it shares with the strips above and below.

    `carried` is the right overlap of the tile before the first `(side, overlap, classes)`; `up` and `down` are row
    weights `(overlap,)`. Returns the right overlap of the last tile; top and bottom rows
    `(tiles, overlap, stride, classes)`; and bytes `(layers, rows, tiles * stride)` of the rows between them.
    """
    before = ops.concatenate([carried[None], right[:-1]])
    strip = ops.concatenate([before + left, middle], axis=2)
    overlap, side = up.shape[0], strip.shape[1]
    top = strip[:, :overlap] * up[:, None, None]
    bottom = strip[:, side - overlap :] * down[:, None, None]
    return right[-1], top, bottom, finish(strip[:, overlap : side - overlap], layers)


def join(top: Array, bottom: Array, *, layers: Layers) -> Array:
    """Finish the rows that two strips share: top rows of one, bottom rows of the other."""
    return finish(top + bottom, layers)


def stitch(tops: Array, bottoms: Array, middles: Array, *, count: int) -> tuple[Array, Array, Array]:
    """Put the batches of a strip together, and keep its first `count` tiles."""
    middle = ops.concatenate(middles, axis=2)
    stride = tops[0].shape[2]
    return ops.concatenate(tops)[:count], ops.concatenate(bottoms)[:count], middle[:, :, : count * stride]


def finish(scores: Array, layers: Layers) -> Array:
    """Choose classes and quantise probabilities of `(tiles, rows, columns, classes)` to 0 … `LEVELS`.

    For `layers.disagreement`, the last of them are sums of squares. Returns bytes `(layers, rows, tiles * columns)`.
    """
    tiles, rows, columns, planes = scores.shape
    classes = planes - layers.disagreement
    if not rows:  # PyTorch has no maximum of nothing
        return ops.zeros((layers.count(classes), 0, tiles * columns), "uint8")
    squares, scores = scores[..., -1], scores[..., :classes]
    winners = ops.cast(ops.argmax(scores, axis=-1), "uint8")
    found = [winners[None]]
    if layers.confidence or layers.lowest is not None:
        confidence = _quantise(ops.max(scores, axis=-1))
        if layers.lowest is not None:
            found = [ops.where(confidence < layers.lowest, ops.cast(classes, "uint8"), winners)[None]]
        if layers.confidence:
            found.append(confidence[None])
    if layers.disagreement:
        spread = ops.maximum(squares - ops.sum(scores * scores, axis=-1), 0)
        found.append(_quantise(ops.sqrt(spread / 2))[None])
    if layers.probabilities:
        found.append(ops.moveaxis(_quantise(scores), -1, 0))
    if layers.road is not None:
        found.append(_quantise(scores[..., layers.road])[None])
    stack = ops.concatenate(found)
    return ops.reshape(ops.transpose(stack, (0, 2, 1, 3)), (stack.shape[0], rows, tiles * columns))


def _quantise(probability: Array) -> Array:
    return ops.cast(ops.clip(ops.round(probability * LEVELS), 0, LEVELS), "uint8")
