"""Tell by sampled values whether a scaling reduces an image to almost one colour, or to black and white."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from geoseg.models.bundle import Scaling
from geoseg.rasters.read import scaled
from geoseg.rasters.stretch import Stretch

STRAY = 0.9
"""A range that excludes this share of an image's values is in other units, or of another kind of image."""
_NARROW = 16
"""Fewest levels of 0–255 that an image of several surfaces spans."""


@dataclass(frozen=True, kw_only=True)
class SampledValues:
    """Statistics of the stored values of an image, from a sample."""

    percentiles: tuple[tuple[float, ...], ...]
    """From 0 to 100, of each band."""

    @classmethod
    def measure(cls, values: npt.NDArray[Any]) -> Self:
        """Take the percentiles of values `(bands, pixels)`, each of which is one of the values."""
        found = np.percentile(values, range(101), axis=1, method="nearest").T
        return cls(percentiles=tuple(map(tuple, found.tolist())))

    @property
    def limits(self) -> Stretch:
        """Lowest and highest value of each band."""
        return Stretch(ranges=tuple((float(band[0]), float(band[-1])) for band in self.percentiles))

    def is_one_colour(self, scaling: Sequence[Scaling]) -> bool:
        """Whether scaling leaves hardly more than one colour of the values."""
        low, high = scaled(np.array(self.limits.ranges).T, tuple(scaling))
        return bool(np.abs(high - low).max() < _NARROW)

    def share_beyond(self, scaling: Sequence[Scaling]) -> float:
        """Share of the values that scaling clips to 0 or 255."""
        levels = [
            (np.array(band, np.float64) - each.offset) * each.gain
            for band, each in zip(self.percentiles, scaling, strict=True)
        ]
        return float(np.mean([(band < -0.5) | (band > 255.5) for band in levels]))


def describe_strays(name: str, share: float, wanted: str, found: Stretch) -> str:
    """State which share of an image's values is outside a range, and from where to where they are."""
    return f"{share:.0%} of the values of {name} are outside of {wanted}; they are from {found}"


def range_of(scaling: Sequence[Scaling]) -> Stretch:
    """Return the stored values that scaling turns into 0 to 255."""
    ends = [sorted((each.offset, each.offset + 255 / each.gain)) for each in scaling]
    return Stretch(ranges=tuple((low, high) for low, high in ends))
