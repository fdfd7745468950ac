"""Class codings of published data sets, as colours or ids, and their legends."""

from collections.abc import Mapping
from dataclasses import dataclass

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
    "void": ("#000000", range(7)),
    "flat": ("#804080", range(7, 11)),
    "construction": ("#464646", range(11, 17)),
    "object": ("#999999", range(17, 21)),
    "nature": ("#6b8e23", range(21, 23)),
    "sky": ("#4682b4", range(23, 24)),
    "human": ("#dc143c", range(24, 26)),
    "vehicle": ("#00008e", range(26, 34)),
}
"""Colour and label ids of each category (Cordts et al., 2016, arXiv:1604.01685)."""

# The published labels with eroded boundaries leave these out in black.
_ISPRS_CODING = Coding(coloured=True, names=_ISPRS | {0x000000: "boundary"}, silent=frozenset({"boundary"}))

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
        names={value: name for name, (_, ids) in _CITYSCAPES.items() for value in ids},
        silent=frozenset({"void"}),
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
    "cityscapes": Legend(
        classes=tuple(LegendClass(name=name, colour=colour) for name, (colour, _) in _CITYSCAPES.items())
    ),
}
"""Built-in legends by name."""


def translate(
    values: npt.NDArray[np.integer], table: Mapping[int, int]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Look up ids or packed colours in a table; return the results, and a mask of values without one."""
    if not table:
        return np.zeros(values.shape, np.uint8), np.ones(values.shape, np.bool_)
    keys = np.array(sorted(table), np.int64)
    targets = np.array([table[key] for key in keys.tolist()], np.uint8)
    places = np.minimum(np.searchsorted(keys, values), keys.size - 1)
    return targets[places], keys[places] != values
