"""Linear stretches of a raster's values to the 0–255 of network inputs: one for the whole raster, whatever is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, inf, log10

import numpy as np
import numpy.typing as npt

from geoseg.errors import SceneError, UsageError
from geoseg.models.bundle import Scaling

from .values import Units, on_stored

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}),({_NUMBER})")
_PERCENTILES = re.compile(rf"p({_NUMBER}),p({_NUMBER})")
_SHOWN, _EXACT = 6, 17
"""Significant digits that are shown, and those that distinguish any two floats."""


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    """Percentiles of a band's values that become 0 and 255."""

    low: float = 2.0
    high: float = 98.0

    def __str__(self) -> str:
        return f"percentiles {self.low:g} and {self.high:g}"


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Physical values that become 0 and 255."""

    ranges: tuple[tuple[float, float], ...]
    """For each band, or one for all."""

    def __str__(self) -> str:
        """Format as `parse_stretch` reads it."""
        return ";".join(",".join(_show(low, high)) for low, high in self.ranges)

    def scaling(self, units: Units) -> tuple[Scaling, ...]:
        """Scaling of stored values, for each band; raises UsageError if there are too few or too many ranges."""
        if len(self.ranges) not in (1, len(units)):
            raise UsageError(
                f"`stretch` has {len(self.ranges)} ranges; the model needs 1 for all bands, or {len(units)}."
            )
        ranges = self.ranges * len(units) if len(self.ranges) == 1 else self.ranges
        return tuple(
            on_stored(Scaling(offset=low, gain=255 / (high - low)), (unit,))[0]
            for (low, high), unit in zip(ranges, units, strict=True)
        )


def parse_stretch(text: str) -> Stretch | Percentiles | None:
    """Read `LOW,HIGH`, `LOW,HIGH;LOW,HIGH;…`, or `pLOW,pHIGH`; None for words. Raises UsageError for anything else."""
    if text in ("auto", "none", "joint"):
        return None
    if match := _PERCENTILES.fullmatch(text):
        low, high = map(float, match.groups())
        if 0 <= low < high <= 100:
            return Percentiles(low=low, high=high)
    matches = [_RANGE.fullmatch(part) for part in text.split(";")]
    ranges = tuple((float(match[1]), float(match[2])) for match in matches if match)
    if len(ranges) == len(matches) and all(low < high for low, high in ranges):
        stretch = Stretch(ranges=tuple(_rounded(low, high) for low, high in ranges))
        if all(low < high and 0 < 255 / (high - low) < inf for low, high in stretch.ranges):
            return stretch
    raise UsageError(
        f"`stretch` is auto, none, joint, LOW,HIGH (one for each band separated by semicolons) or pLOW,pHIGH "
        f"(percentiles from p0 to p100), finite and with LOW below HIGH, got {text!r}."
    )


def measure_stretch(name: str, sample: Sequence[npt.NDArray[np.float64]], wanted: Percentiles) -> Stretch:
    """Range of each band between percentiles of its sampled values `(values,)`; SceneError if a band has no spread."""
    ranges = []
    for number, values in enumerate(sample, 1):
        low, high = _rounded(*np.percentile(values, (wanted.low, wanted.high)).tolist()) if len(values) else (0.0, 0.0)
        if low >= high:
            raise SceneError(
                f"the values of {name} have no spread in the model's band {number}, so there is nothing to stretch by; "
                "choose other bands with `bands`, or set the range with `stretch='LOW,HIGH'`."
            )
        ranges.append((low, high))
    return Stretch(ranges=tuple(ranges))


def _rounded(low: float, high: float) -> tuple[float, float]:
    """Round to the digits that are shown, so that a stretch given again is the same."""
    first, last = _show(low, high)
    return float(first), float(last)


def _show(low: float, high: float) -> tuple[str, str]:
    """Format a range as it is read back: with six digits of its values, or more for six of their difference."""
    digits = _SHOWN
    if 0 < high - low < inf:
        digits += max(0, min(_exponent(max(abs(low), abs(high))) - _exponent(high - low), _EXACT - _SHOWN))
    texts = f"{low:.{digits}g}", f"{high:.{digits}g}"
    rounded = float(texts[0]), float(texts[1])
    return _show(*rounded) if low < high and rounded != (low, high) else texts


def _exponent(value: float) -> int:
    return floor(log10(value))
