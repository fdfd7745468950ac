"""Sample square windows of labelled images without end, reproducibly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError
from geoseg.tiling import Roi

from .atlas import Atlas
from .cache import Cache
from .pairs import Pair
from .read_pairs import Labelled, read_labels

MOSTLY = 0.5
"""Windows with a larger share of ignored pixels are skipped."""
ATTEMPTS = 1000
"""Windows to skip in a row before giving up."""


@dataclass(frozen=True, kw_only=True)
class LabelCounts:
    """Pixels of each label value in each chunk of a data set."""

    parts: tuple[tuple[Pair, Roi], ...]
    counts: npt.NDArray[np.int64]
    """`(parts, label values)`, regardless of the images' masks."""


def count_labels(pairs: Sequence[Pair], label_values: int) -> LabelCounts:
    """Read and count all labels, so that labels that cannot be read or mapped are found before training."""
    parts = tuple((pair, chunk) for pair in pairs for chunk in pair.chunks())
    counts = [np.bincount(read_labels(pair, chunk).ravel(), minlength=label_values) for pair, chunk in parts]
    return LabelCounts(parts=parts, counts=np.array(counts, np.int64).reshape(-1, label_values))


def refuse_unlabelled(counted: LabelCounts) -> None:
    """Raise UsageError if there are images to train on, and none has a labelled pixel."""
    if counted.parts and not counted.counts[:, :-1].any():
        raise UsageError(f"data set {counted.parts[0][0].data_set} has no labelled pixel to train on.")


def sample_windows(
    counted: LabelCounts, cache: Cache | Atlas, *, side: int, margin: int = 0, balanced: bool, seed: int
) -> Iterator[Labelled]:
    """Draw windows of one data set without end, each with `margin` more pixels on all sides for moves within it.

    Pixels are `(side + 2 * margin, side + 2 * margin, bands)`, label values likewise. From an atlas, their places come
    instead of pixels. Only margins reach beyond an image that is large enough for a window, where they reflect it: a
    margin inside would keep the image's border out of the windows.

    Images are drawn in proportion to their labelled pixels, positions uniformly. If `balanced`, first a label value is
    drawn, with equal probability, and then a window around one of its pixels. Mostly ignored windows are skipped;
    UsageError if almost all are.
    """
    random = np.random.default_rng(seed)
    ignored = counted.counts.shape[1] - 1
    labelled = counted.counts[:, :ignored]
    refuse_unlabelled(counted)
    present = np.flatnonzero(labelled.any(axis=0))
    totals = labelled.sum(axis=1)
    inner = slice(margin, margin + side)
    skipped = 0
    while skipped < ATTEMPTS:
        skipped += 1
        value = random.choice(present) if balanced else None
        counts = totals if value is None else labelled[:, value]
        pair, chunk = counted.parts[random.choice(len(counts), p=counts / counts.sum())]
        chosen = None if value is None else cache.part(pair, chunk)[1] == value
        pixel = _draw_pixel(random, chunk, chosen)
        if pixel is None:  # the image has no data at pixels of this label value
            continue
        top, left = (_draw_start(random, *axis, side) for axis in zip(pixel, pair.shape, strict=True))
        pixels, labels = cache.window(pair, top - margin, left - margin, side + 2 * margin)
        if (labels[inner, inner] == ignored).mean() <= MOSTLY:
            skipped = 0
            yield pixels, labels
    raise UsageError(
        f"data set {counted.parts[0][0].data_set}: {ATTEMPTS} windows of {side} pixels in a row were skipped, as "
        "more than half of their pixels have no label or no data; reduce schedule.window, label larger areas, or check "
        "the masks of the images."
    )


def _draw_pixel(
    random: np.random.Generator, chunk: Roi, chosen: npt.NDArray[np.bool_] | None
) -> tuple[int, int] | None:
    """Draw row and column of a pixel of a chunk, or of one of its chosen pixels; None if none is chosen."""
    rows, cols = chunk
    if chosen is None:
        return int(random.integers(rows.start, rows.stop)), int(random.integers(cols.start, cols.stop))
    candidates = np.flatnonzero(chosen)
    if not candidates.size:
        return None
    row, col = divmod(int(random.choice(candidates)), chosen.shape[1])
    return rows.start + row, cols.start + col


def _draw_start(random: np.random.Generator, pixel: int, size: int, side: int) -> int:
    """Draw the start of a window that contains `pixel`: within the image, or around all of a smaller image."""
    first = max(pixel - side + 1, min(0, size - side))
    last = min(pixel, max(0, size - side))
    return int(random.integers(first, last + 1))


def mix_windows(windows: Sequence[Iterator[Labelled]], shares: Sequence[float], *, seed: int) -> Iterator[Labelled]:
    """Draw windows of several data sets in proportion to their shares."""
    random = np.random.default_rng(seed)
    chances = np.array(shares, np.float64) / np.sum(shares)
    while True:
        yield next(windows[random.choice(len(windows), p=chances)])
