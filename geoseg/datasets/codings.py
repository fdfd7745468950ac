"""Class codings of published data sets, as colours or ids, and their legends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from geoseg.models.legend import AERIAL, Legend, LegendClass


@dataclass(frozen=True, kw_only=True)
class Coding:
    """Class names of the values of a label raster."""

    coloured: bool
    """Values are colours `0xrrggbb`; otherwise ids."""
    names: Mapping[int, str]
    silent: frozenset[str] = frozenset()
    """Names of unlabelled pixels: ignored unless the legend lists them."""
    nearby: int = 0
    """Tolerance, in each of red, green and blue, within which another colour is read as one of the coding's; 0 for
    none."""

    def find_nearest(self, colours: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
        """Replace packed colours `(n,)` by the nearest of the coding within `nearby`; others are unchanged."""
        own = np.array(list(self.names), np.int64)
        found, places = np.unique(colours, return_inverse=True)
        offsets = np.abs(_unpack(found)[:, None] - _unpack(own)).max(axis=-1)
        nearest = np.where(offsets.min(axis=1) <= self.nearby, own[offsets.argmin(axis=1)], found)
        return np.asarray(nearest[places])


def _unpack(colours: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """Red, green and blue `(n, 3)` of packed colours `(n,)`."""
    parts: npt.NDArray[np.integer] = colours[:, None] >> np.array([16, 8, 0]) & 255
    return parts


_ISPRS = {
    0xFFFFFF: "impervious surface",
    0x0000FF: "building",
    0x00FFFF: "low vegetation",
    0x00FF00: "tree",
    0xFFFF00: "car",
    0xFF0000: "clutter",
}
_MBRSC = {
    0x3C1098: "building",
    0x8429F6: "land",
    0x6EC1E4: "road",
    0xFEDD3A: "vegetation",
    0xE2A929: "water",
}
_CITYSCAPES = {
    7: ("road", 0x804080),
    8: ("sidewalk", 0xF423E8),
    11: ("building", 0x464646),
    12: ("wall", 0x66669C),
    13: ("fence", 0xBE9999),
    17: ("pole", 0x999999),
    19: ("traffic light", 0xFAAA1E),
    20: ("traffic sign", 0xDCDC00),
    21: ("vegetation", 0x6B8E23),
    22: ("terrain", 0x98FB98),
    23: ("sky", 0x4682B4),
    24: ("person", 0xDC143C),
    25: ("rider", 0xFF0000),
    26: ("car", 0x00008E),
    27: ("truck", 0x000046),
    28: ("bus", 0x003C64),
    31: ("train", 0x005064),
    32: ("motorcycle", 0x0000E6),
    33: ("bicycle", 0x770B20),
}
"""Name and colour of each label id that the benchmark scores (Cordts et al., 2016, arXiv:1604.01685)."""
_CITYSCAPES_IGNORED = {
    0: "unlabelled",
    1: "ego vehicle",
    2: "rectification border",
    3: "out of region of interest",
    4: "static",
    5: "dynamic",
    6: "ground",
    9: "parking",
    10: "rail track",
    14: "guard rail",
    15: "bridge",
    16: "tunnel",
    18: "pole group",
    29: "caravan",
    30: "trailer",
}
"""Label ids that it does not score."""

# Published labels with eroded boundaries have black there. Of Potsdam's tiles, 4_12 was compressed lossily, and most
# cars of 6_7 are #fcff00.
_ISPRS_CODING = Coding(coloured=True, names=_ISPRS | {0x000000: "boundary"}, silent=frozenset({"boundary"}), nearby=80)

CODINGS = {
    "aerial": Coding(
        coloured=True, names={int(entry.colour.removeprefix("#"), 16): entry.name for entry in AERIAL.classes}
    ),
    "potsdam": _ISPRS_CODING,
    "vaihingen": _ISPRS_CODING,
    "mbrsc": Coding(
        coloured=True,
        names=_MBRSC | {0x9B9B9B: "unlabelled", 0x000000: "void"},
        silent=frozenset({"unlabelled", "void"}),
    ),
    "cityscapes": Coding(
        coloured=False,
        names={value: name for value, (name, _) in _CITYSCAPES.items()} | _CITYSCAPES_IGNORED,
        silent=frozenset(_CITYSCAPES_IGNORED.values()),
    ),
}
"""Built-in codings by name; `aerial` has the colours of the class rasters that geoseg writes."""


def _coloured_legend(names: Mapping[int, str], *, road: str | None = None) -> Legend:
    classes = tuple(LegendClass(name=name, colour=f"#{colour:06x}") for colour, name in names.items())
    return Legend(classes=classes, road=None if road is None else list(names.values()).index(road))


LEGENDS = {
    "aerial": AERIAL,
    "potsdam": _coloured_legend(_ISPRS),
    "vaihingen": _coloured_legend(_ISPRS),
    "mbrsc": _coloured_legend(_MBRSC, road="road"),
    "cityscapes": _coloured_legend({colour: name for name, colour in _CITYSCAPES.values()}),
}
"""Built-in legends by name."""


class Translated(NamedTuple):
    """Results of looking up values, of their shape."""

    results: npt.NDArray[np.uint8]
    unknown: npt.NDArray[np.bool_]
    """Values without a result."""
    near: npt.NDArray[np.bool_]
    """Colours read as a similar one of the coding."""


def translate(values: npt.NDArray[np.integer], table: Mapping[int, int], coding: Coding | None = None) -> Translated:
    """Look up ids or packed colours in a table; colours that it lacks may be read as similar ones of the `coding`."""
    near = np.zeros(values.shape, np.bool_)
    if not table:
        return Translated(np.zeros(values.shape, np.uint8), np.ones(values.shape, np.bool_), near)
    keys = np.array(sorted(table), np.int64)
    targets = np.array([table[key] for key in keys.tolist()], np.uint8)
    places = np.minimum(np.searchsorted(keys, values), keys.size - 1)
    results, unknown = targets[places], np.asarray(keys[places] != values)
    if coding is not None and coding.nearby and unknown.any():
        found = translate(coding.find_nearest(values[unknown]), table)
        results[unknown], near[unknown], unknown[unknown] = found.results, ~found.unknown, found.unknown
    return Translated(results, unknown, near)


def describe_near(source: str) -> str:
    """State that some colours of a label raster are not exactly those of its coding."""
    return (
        f"{source} has colours that are not those of its coding but near them, as after compression with loss; they "
        "are read as the nearest."
    )
