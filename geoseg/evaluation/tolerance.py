"""Distances given in pixels or in metres."""

import re
from dataclasses import dataclass
from typing import Literal

from geoseg.errors import UsageError
from geoseg.rasters.ground import MAP_SCALE_ERROR


@dataclass(frozen=True, kw_only=True)
class Distance:
    """A distance in pixels of the prediction, or in metres."""

    value: float
    unit: Literal["px", "m"] = "px"

    @classmethod
    def parse(cls, text: "str | float | Distance") -> "Distance":
        """Read `3`, `3px` or `1.5m`; UsageError for anything else."""
        if isinstance(text, Distance):
            return text
        match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+) ?(px|m|)", str(text).strip())
        if match is None:
            raise UsageError(f"{text!r} is not a distance in pixels such as 3, or in metres such as 1.5m.")
        return cls(value=float(match[1]), unit="m" if match[2] == "m" else "px")

    def pixels(self, gsd_m: tuple[float, float] | None) -> tuple[float, float]:
        """Convert to pixels down a column and along a row, of `gsd_m` metres; UsageError for metres if it is None."""
        if self.unit == "px":
            return self.value, self.value
        if gsd_m is None:
            raise UsageError(f"a distance of {self} needs rasters with a georeference; give it in pixels.")
        down, along = (self.value / step * (1 + MAP_SCALE_ERROR) for step in gsd_m)
        return down, along

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit}"
