"""The legend: names and colours of class ids."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, count
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
        if re.search("[\0\ud800-\udfff]", self.name):
            raise ValueError(f"class names must be text, which {self.name!r} is not.")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, 0–255."""
        red, green, blue = bytes.fromhex(self.colour[1:])
        return red, green, blue


UNKNOWN = LegendClass(name="unknown", colour="#b3b3b3")
"""Entry of pixels whose class is too uncertain; lighter than roads, and visible, where nodata is transparent."""


@dataclass(frozen=True, kw_only=True)
class Legend:
    """Classes in the order of their ids, from 0."""

    classes: tuple[LegendClass, ...]
    road: int | None = None
    """Id of the class to trace road networks from, if any."""
    unknown: LegendClass | None = None
    """Entry of pixels whose class is too uncertain, with the id after the last class; None if every pixel has a class.
    It is not a class: networks do not score it, and it is neither right nor wrong."""

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) < NODATA:
            raise ValueError(f"a legend has 2 to {NODATA - 1} classes, not {len(self.classes)}.")
        labels = [entry.name for entry in self.entries]
        if len(set(labels)) < len(labels):
            raise ValueError(f"class names must be unique, not {', '.join(labels)}.")
        if self.road is not None and not 0 <= self.road < len(self.classes):
            raise ValueError(f"road class {self.road} is not one of the {len(self.classes)} classes.")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in the order of their ids."""
        return tuple(entry.name for entry in self.classes)

    @property
    def entries(self) -> tuple[LegendClass, ...]:
        """Meaning of the pixel values, in their order: the classes, then `unknown` if there is one."""
        return self.classes if self.unknown is None else (*self.classes, self.unknown)

    def with_unknown(self) -> "Legend":
        """Add an entry for pixels whose class is too uncertain."""
        names = chain((UNKNOWN.name, "low confidence"), (f"{UNKNOWN.name} {number}" for number in count(2)))
        return replace(self, unknown=replace(UNKNOWN, name=next(name for name in names if name not in self.names)))

    @property
    def colormap(self) -> dict[int, tuple[int, int, int, int]]:
        """Colour table: red, green, blue and alpha by pixel value; nodata is transparent."""
        return {i: (*entry.rgb, 255) for i, entry in enumerate(self.entries)} | {NODATA: (0, 0, 0, 0)}

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that `from_json` reads back."""
        unknown = {} if self.unknown is None else {"unknown": asdict(self.unknown)}
        return {"classes": [asdict(entry) for entry in self.classes], "road": self.road, **unknown}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Legend":
        """Read a legend written by `to_json`; raises KeyError, TypeError or ValueError if invalid."""
        entries: Sequence[Mapping[str, str]] = document["classes"]
        road, unknown = document["road"], document.get("unknown")
        return cls(
            classes=tuple(map(_read_entry, entries)),
            road=None if road is None else index(road),
            unknown=None if unknown is None else _read_entry(unknown),
        )


def _read_entry(entry: Mapping[str, str]) -> LegendClass:
    return LegendClass(name=str(entry["name"]), colour=entry["colour"])


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
