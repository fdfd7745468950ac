"""Label values of training: single classes, sets of classes for partial labels, and ignored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.datasets.codings import LEGENDS
from geoseg.errors import UsageError
from geoseg.models.legend import NODATA, Legend, LegendClass

from .recipe import LegendTable

Values = Mapping[str, str | list[str]]
"""Class, classes or `ignore` by label value, as in a data set's `values`."""
OTHERS = "*"
"""Key of `values` for all values without an entry of their own."""
BACKGROUND = "background"
"""Key of `values` for ground that no vector feature covers."""
IGNORE = "ignore"
"""Target in `values` of unlabelled pixels."""


@dataclass(frozen=True, kw_only=True)
class LabelSets:
    """Classes that each value of a training label raster allows."""

    legend: Legend
    allowed: tuple[tuple[int, ...], ...]
    """Class ids by label value: single classes in order, then partial sets, and last all classes: ignored."""

    @property
    def ignored(self) -> int:
        """Label value of ignored pixels."""
        return len(self.allowed) - 1

    @property
    def allows(self) -> npt.NDArray[np.bool_]:
        """Whether a label value allows a class, `(label values, classes)`."""
        table = np.zeros((len(self.allowed), len(self.legend)), np.bool_)
        for value, ids in enumerate(self.allowed):
            table[value, list(ids)] = True
        return table

    def value(self, ids: Iterable[int]) -> int:
        """Label value of a set of class ids."""
        return self.allowed.index(tuple(sorted(set(ids))))


def legend_of(choice: str | LegendTable) -> Legend:
    """Legend that a recipe names or lists.

    Raises
    ------
    UsageError
        If no built-in legend has the name, or the table is not a valid legend.
    """
    if isinstance(choice, str):
        if choice not in LEGENDS:
            raise UsageError(f"legend {choice!r} is unknown; choose one of {', '.join(LEGENDS)}, or list classes.")
        return LEGENDS[choice]
    names = [entry.name for entry in choice.classes]
    if choice.road is not None and choice.road not in names:
        raise UsageError(f"legend.road names {choice.road!r}, which is not one of its classes: {', '.join(names)}.")
    try:
        classes = tuple(LegendClass(name=entry.name, colour=entry.colour) for entry in choice.classes)
        return Legend(classes=classes, road=None if choice.road is None else names.index(choice.road))
    except ValueError as error:
        raise UsageError(f"the legend cannot be used: {error}") from error


def label_sets(legend: Legend, mappings: Iterable[tuple[str, Values]]) -> LabelSets:
    """Sets of classes that the `values` of each data set map to, by the data set's name.

    Raises
    ------
    UsageError
        If a data set names a class that the legend does not have.
    """
    everything = tuple(range(len(legend)))
    named = {classes_of(target, legend, name) for name, values in mappings for target in values.values()}
    partial = sorted(ids for ids in named if 1 < len(ids) < len(legend))
    sets = LabelSets(legend=legend, allowed=(*((i,) for i in everything), *partial, everything))
    if len(sets.allowed) > NODATA + 1:
        raise UsageError(f"the recipe names {len(partial)} sets of classes; labels hold {NODATA + 1} values at most.")
    return sets


def classes_of(target: str | list[str], legend: Legend, owner: str) -> tuple[int, ...]:
    """Class ids that an entry of `values` allows; all of them for `ignore`."""
    if target == IGNORE:
        return tuple(range(len(legend)))
    names = [target] if isinstance(target, str) else target
    unknown = [name for name in names if name not in legend.names]
    if unknown or not names:
        raise UsageError(
            f"data set {owner} maps values to {', '.join(map(repr, unknown)) or 'no class'}; "
            f"the legend has {', '.join(legend.names)}, and `{IGNORE}` leaves pixels out."
        )
    return tuple(sorted({legend.names.index(name) for name in names}))
