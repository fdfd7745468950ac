"""Draw square windows of labelled images without end, reproducibly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError
from geoseg.tiling import Roi

from .cache import Cache
from .pairs import Pair
from .read_pairs import Labelled, read_labels

MOSTLY = 0.5
"""Windows with a larger share of ignored pixels are skipped."""
ATTEMPTS = 1000
"""Windows to skip in a row before giving up."""


@dataclass(frozen=True, kw_only=True)
class LabelCounts:
    """Pixels of each label value in each chunk of a data set's images."""

    parts: tuple[tuple[Pair, Roi], ...]
    counts: npt.NDArray[np.int64]
    """`(parts, label values)`, regardless of the images' masks."""


def count_labels(pairs: Sequence[Pair], label_values: int) -> LabelCounts:
    """Read all labels once.

    Raises
    ------
    SceneError, UsageError
        If a label cannot be read or mapped: better now than during training.
    """
    parts = tuple((pair, chunk) for pair in pairs for chunk in pair.chunks())
    counts = [np.bincount(read_labels(pair, chunk).ravel(), minlength=label_values) for pair, chunk in parts]
    return LabelCounts(parts=parts, counts=np.array(counts, np.int64).reshape(-1, label_values))


def sampled_windows(counted: LabelCounts, cache: Cache, *, side: int, balanced: bool, seed: int) -> Iterator[Labelled]:
    """Draw windows of one data set without end: pixels `(side, side, bands)`, label values `(side, side)`.

    Images are drawn in proportion to their labelled pixels, positions uniformly. If `balanced`, a label value is drawn
    first, each that occurs with equal probability, and then a window around a pixel of it. Windows that are mostly
    ignored are skipped.

    Raises
    ------
    UsageError
        If almost all windows are.
    """
    random = np.random.default_rng(seed)
    ignored = counted.counts.shape[1] - 1
    labelled = counted.counts[:, :ignored]
    if not labelled.any():
        raise UsageError(f"data set {counted.parts[0][0].data_set} has no labelled pixel to train on.")
    present = np.flatnonzero(labelled.any(axis=0))
    everywhere = labelled.sum(axis=1)
    passed = 0
    while passed < ATTEMPTS:
        passed += 1
        value = random.choice(present) if balanced else None
        counts = everywhere if value is None else labelled[:, value]
        pair, chunk = counted.parts[random.choice(len(counts), p=counts / counts.sum())]
        place = (
            _place(random, chunk) if value is None else _place_of(random, cache.part(pair, chunk)[1] == value, chunk)
        )
        if place is None:  # the image has no data at any such pixel of the part
            continue
        top, left = (_start(random, *of, side) for of in zip(place, pair.shape, strict=True))
        pixels, labels = cache.window(pair, top, left, side)
        if (labels == ignored).mean() <= MOSTLY:
            passed = 0
            yield pixels, labels
    raise UsageError(
        f"data set {counted.parts[0][0].data_set}: {ATTEMPTS} windows of {side} pixels in a row were mostly without "
        "labels or data; reduce schedule.window, or check the masks of the images."
    )


def _place(random: np.random.Generator, chunk: Roi) -> tuple[int, int]:
    """Draw a pixel of a part."""
    rows, cols = chunk
    return int(random.integers(rows.start, rows.stop)), int(random.integers(cols.start, cols.stop))


def _place_of(random: np.random.Generator, chosen: npt.NDArray[np.bool_], chunk: Roi) -> tuple[int, int] | None:
    """Draw one of the chosen pixels of a part; None if there is none."""
    places = np.flatnonzero(chosen)
    if not places.size:
        return None
    row, col = divmod(int(random.choice(places)), chosen.shape[1])
    return chunk[0].start + row, chunk[1].start + col


def _start(random: np.random.Generator, place: int, size: int, side: int) -> int:
    """Draw the start of a window that contains `place`: within the image, or around all of a smaller image."""
    first = max(place - side + 1, min(0, size - side))
    last = min(place, max(0, size - side))
    return int(random.integers(first, last + 1))


def mixed(windows: Sequence[Iterator[Labelled]], shares: Sequence[float], *, seed: int) -> Iterator[Labelled]:
    """Windows of several data sets, each drawn in proportion to its share."""
    random = np.random.default_rng(seed)
    chances = np.array(shares, np.float64) / np.sum(shares)
    while True:
        yield next(windows[random.choice(len(windows), p=chances)])
