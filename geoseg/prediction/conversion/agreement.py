"""Agreement of a network with its 8-bit form, measured on the same tiles."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.models.engines.engine import Engine
from geoseg.models.legend import Legend


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Comparison of two engines on the same tiles."""

    tiles: int
    pixels: int
    """Number of pixels compared: those with data."""
    same_class: float
    """Share of pixels to which both give the same class."""
    by_class: Mapping[str, float]
    """The same share by class, among the pixels to which the first engine gives it; without classes that have none."""
    probability_difference: float
    """Mean absolute difference of probabilities, over pixels and classes."""


def compare(
    exact: Engine,
    quantised: Engine,
    tiles: Iterable[tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]],
    legend: Legend,
) -> Agreement:
    """Compare two engines on network inputs `(side, side, bands)` where they are valid `(side, side)`."""
    count, difference = 0, 0.0
    given, same = (np.zeros(len(legend), np.int64) for _ in range(2))
    for pixels, valid in tiles:
        expected, found = (engine(pixels[None])[0][valid] for engine in (exact, quantised))
        classes = expected.argmax(axis=-1)
        count += 1
        difference += float(np.abs(found - expected).sum(dtype=np.float64))
        given += np.bincount(classes, minlength=len(legend))
        same += np.bincount(classes[classes == found.argmax(axis=-1)], minlength=len(legend))
    total = int(given.sum())
    return Agreement(
        tiles=count,
        pixels=total,
        same_class=float(same.sum() / total),
        by_class={
            name: float(same[number] / given[number]) for number, name in enumerate(legend.names) if given[number]
        },
        probability_difference=difference / (total * len(legend)),
    )
