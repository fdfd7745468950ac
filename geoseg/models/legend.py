"""The legend: names and colours of class ids."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import index
from typing import Any

NODATA = 255
"""Nodata value of class rasters, never a class id."""
LEVELS = 254
"""Probabilities are stored as integers from 0 to `LEVELS`; 255 is nodata."""


@dataclass(frozen=True, kw_only=True)
class LegendClass:
    """One class of a legend."""

    name: str
    colour: str
    """As `#4a4a4a`: red, green and blue in hexadecimal."""

    def __post_init__(self) -> None:
        if not re.fullmatch("#[0-9a-fA-F]{6}", self.colour):
            raise ValueError(f"the colour of {self.name} must be like #4a4a4a, not {self.colour}.")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, 0–255."""
        red, green, blue = bytes.fromhex(self.colour[1:])
        return red, green, blue


@dataclass(frozen=True, kw_only=True)
class Legend:
    """Classes in the order of their ids, from 0."""

    classes: tuple[LegendClass, ...]
    road: int | None = None
    """Id of the class to trace road networks from, if any."""

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) < NODATA:
            raise ValueError(f"a legend has 2 to {NODATA - 1} classes, not {len(self.classes)}.")
        if len(set(self.names)) < len(self.classes):
            raise ValueError(f"class names must be unique, not {', '.join(self.names)}.")
        if self.road is not None and not 0 <= self.road < len(self.classes):
            raise ValueError(f"road class {self.road} is not one of the {len(self.classes)} classes.")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in the order of their ids."""
        return tuple(entry.name for entry in self.classes)

    @property
    def colormap(self) -> dict[int, tuple[int, int, int, int]]:
        """Colour table: red, green, blue and alpha by pixel value; nodata is transparent."""
        return {i: (*entry.rgb, 255) for i, entry in enumerate(self.classes)} | {NODATA: (0, 0, 0, 0)}

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that `from_json` reads back."""
        return {"classes": [asdict(entry) for entry in self.classes], "road": self.road}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Legend":
        """Read a legend written by `to_json`; raises KeyError, TypeError or ValueError if invalid."""
        entries: Sequence[Mapping[str, str]] = document["classes"]
        classes = tuple(LegendClass(name=str(entry["name"]), colour=entry["colour"]) for entry in entries)
        road = document["road"]
        return cls(classes=classes, road=None if road is None else index(road))


AERIAL = Legend(
    classes=(
        LegendClass(name="building", colour="#b5484b"),
        LegendClass(name="land", colour="#d9c8a0"),
        LegendClass(name="road", colour="#4a4a4a"),
        LegendClass(name="vegetation", colour="#5a9e4b"),
        LegendClass(name="water", colour="#3b7dd8"),
    ),
    road=2,
)
"""Legend of the shipped model."""
