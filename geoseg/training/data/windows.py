"""Windows: square samples of labelled images, drawn without end and the same for the same seed."""

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
"""Windows with a larger share of ignored pixels are passed over."""
ATTEMPTS = 1000
"""Windows that are passed over before giving up."""


@dataclass(frozen=True, kw_only=True)
class LabelCounts:
    """How often each label value occurs in each part of the images of a data set."""

    parts: tuple[tuple[Pair, Roi], ...]
    counts: npt.NDArray[np.int64]
    """`(parts, label values)`: pixels, where the image has data or not."""


def count_labels(pairs: Sequence[Pair], label_values: int) -> LabelCounts:
    """Read all labels once.

    Raises
    ------
    SceneError, UsageError
        If a label cannot be read or understood: better now than in the midst of training.
    """
    parts = tuple((pair, chunk) for pair in pairs for chunk in pair.chunks())
    counts = [np.bincount(read_labels(pair, chunk).ravel(), minlength=label_values) for pair, chunk in parts]
    return LabelCounts(parts=parts, counts=np.array(counts, np.int64).reshape(-1, label_values))


def sampled_windows(counted: LabelCounts, cache: Cache, *, side: int, balanced: bool, seed: int) -> Iterator[Labelled]:
    """Endless windows of the images of one data set: pixels `(side, side, bands)`, label values `(side, side)`.

    A window lies in an image with a probability in proportion to the image's labelled pixels, anywhere in it alike. If
    `balanced`, it lies around a pixel of a label value that is drawn first, each value that occurs alike. Windows that
    are mostly ignored are passed over.

    Raises
    ------
    UsageError
        If there is hardly a window that is not.
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
        if place is None:  # all such pixels of the part lie where the image has no data
            continue
        top, left = (_start(random, *of, side) for of in zip(place, pair.shape, strict=True))
        pixels, labels = cache.window(pair, top, left, side)
        if (labels == ignored).mean() <= MOSTLY:
            passed = 0
            yield pixels, labels
    raise UsageError(
        f"of data set {counted.parts[0][0].data_set}, {ATTEMPTS} windows of {side} pixels one after another were "
        "mostly without labels or data; make schedule.window smaller, or see whether the images have data at all."
    )


def _place(random: np.random.Generator, chunk: Roi) -> tuple[int, int]:
    """Any pixel of a part."""
    rows, cols = chunk
    return int(random.integers(rows.start, rows.stop)), int(random.integers(cols.start, cols.stop))


def _place_of(random: np.random.Generator, chosen: npt.NDArray[np.bool_], chunk: Roi) -> tuple[int, int] | None:
    """Any of the chosen pixels of a part; None if there is none."""
    places = np.flatnonzero(chosen)
    if not places.size:
        return None
    row, col = divmod(int(random.choice(places)), chosen.shape[1])
    return chunk[0].start + row, chunk[1].start + col


def _start(random: np.random.Generator, place: int, size: int, side: int) -> int:
    """Where a window begins that holds `place`: any within the image alike, or any around all of a smaller image."""
    first = max(place - side + 1, min(0, size - side))
    last = min(place, max(0, size - side))
    return int(random.integers(first, last + 1))


def mixed(windows: Sequence[Iterator[Labelled]], shares: Sequence[float], *, seed: int) -> Iterator[Labelled]:
    """Windows of several data sets, each drawn in proportion to its share."""
    random = np.random.default_rng(seed)
    chances = np.array(shares, np.float64) / np.sum(shares)
    while True:
        yield next(windows[random.choice(len(windows), p=chances)])
