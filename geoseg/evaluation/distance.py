"""Distances on the pixel lattice: how they are given, and who lies within one."""

import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from geoseg.errors import UsageError

_PROJECTION = 2e-3
"""Share by which a metre on a map may be longer than on the ground: within it, pixels of 1 m are 1 m apart."""
_ROUNDING = 1e-9
"""Pixels that a distance may be off by rounding."""


@dataclass(frozen=True, kw_only=True)
class Distance:
    """A distance in pixels of the prediction, or on the ground."""

    value: float
    unit: Literal["px", "m"] = "px"

    @classmethod
    def parse(cls, text: "str | float | Distance") -> "Distance":
        """Read `3`, `3px` or `1.5m`.

        Raises
        ------
        UsageError
            If it is none of them.
        """
        if isinstance(text, Distance):
            return text
        match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+) ?(px|m|)", str(text).strip())
        if match is None:
            raise UsageError(f"{text!r} is not a distance in pixels such as 3, or in metres such as 1.5m.")
        return cls(value=float(match[1]), unit="m" if match[2] == "m" else "px")

    def pixels(self, gsd_m: float | None) -> float:
        """The distance in pixels of `gsd_m` metres each.

        Raises
        ------
        UsageError
            If it is given in metres, and the size of a pixel is unknown.
        """
        if self.unit == "px":
            return self.value
        if gsd_m is None:
            raise UsageError(f"a distance of {self} needs rasters with a georeference; give it in pixels.")
        return self.value / gsd_m * (1 + _PROJECTION)

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"


def dilate(values: npt.NDArray[np.uint8], radius: float, combine: np.ufunc) -> npt.NDArray[np.uint8]:
    """Combine the values of all pixels whose centres lie within `radius` of a pixel's centre.

    The disc is made of runs along rows, each grown from the next shorter one, so that the cost grows with the radius
    and not with the area.

    Parameters
    ----------
    values
        `(rows, columns)`; zero must change nothing under `combine`, for that is what lies beyond the edge.
    radius
        In pixels.
    combine
        `np.maximum`, or `np.bitwise_or` for a set of classes in the bits of a pixel.
    """
    rows, cols = values.shape
    wide, width = values.copy(), 0
    discs = np.zeros_like(values)
    for down in range(min(reach(radius), rows - 1), -1, -1):
        half_width = math.floor(math.sqrt(max(radius**2 - down**2, 0)) + _ROUNDING)
        for shift in range(width + 1, min(half_width, cols - 1) + 1):
            combine(wide[:, shift:], values[:, :-shift], out=wide[:, shift:])
            combine(wide[:, :-shift], values[:, shift:], out=wide[:, :-shift])
        width = max(width, half_width)
        combine(discs[down:], wide[: rows - down], out=discs[down:])
        if down:
            combine(discs[:-down], wide[down:], out=discs[:-down])
    return discs


def reach(radius: float) -> int:
    """Rows, up and down, that a disc of `radius` pixels reaches."""
    return math.floor(radius + _ROUNDING)
