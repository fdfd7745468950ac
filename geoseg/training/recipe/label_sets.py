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
    """Classes allowed by each value of a training label raster."""

    legend: Legend
    allowed: tuple[tuple[int, ...], ...]
    """Class ids by label value: first single classes, then partial sets, and last all classes (ignored)."""

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

    @property
    def partial(self) -> npt.NDArray[np.bool_]:
        """Whether a label value allows several classes, but not all, `(label values,)`."""
        return np.array([1 < len(ids) < len(self.legend) for ids in self.allowed], np.bool_)

    def encode(self, target: str | list[str], data_set: str) -> int:
        """Find the label value of a class, list of classes or `ignore` in a data set's `values`."""
        return self.allowed.index(_class_ids(target, self.legend, data_set))


def build_legend(choice: str | LegendTable) -> Legend:
    """Build the legend that a recipe names or lists; UsageError if it is unknown or invalid."""
    if isinstance(choice, str):
        if choice not in LEGENDS:
            raise UsageError(f"legend {choice!r} is unknown; choose one of {', '.join(LEGENDS)}, or list classes.")
        return LEGENDS[choice]
    names = [entry.name for entry in choice.classes]
    if choice.road is not None and choice.road not in names:
        raise UsageError(f"legend.road names {choice.road!r}, which is not one of its classes: {', '.join(names)}.")
    try:
        if IGNORE in names:
            raise ValueError(f"a class named {IGNORE!r} is what `values` calls pixels to leave out; rename it.")
        classes = tuple(LegendClass(name=entry.name, colour=entry.colour) for entry in choice.classes)
        return Legend(classes=classes, road=None if choice.road is None else names.index(choice.road))
    except ValueError as error:
        raise UsageError(f"the legend cannot be used: {error}") from error


def collect_label_sets(legend: Legend, mappings: Iterable[tuple[str, Values]]) -> LabelSets:
    """Collect all sets of classes in the `values` of data sets, given by name; UsageError for unknown classes."""
    everything = tuple(range(len(legend)))
    named = {_class_ids(target, legend, name) for name, values in mappings for target in values.values()}
    partial = sorted(ids for ids in named if 1 < len(ids) < len(legend))
    sets = LabelSets(legend=legend, allowed=(*((i,) for i in everything), *partial, everything))
    if len(sets.allowed) > NODATA + 1:
        raise UsageError(f"the recipe has {len(partial)} sets of classes; labels hold {NODATA + 1} values at most.")
    return sets


def _class_ids(target: str | list[str], legend: Legend, data_set: str) -> tuple[int, ...]:
    """Class ids allowed by an entry of `values`; all of them for `ignore`."""
    if target == IGNORE:
        return tuple(range(len(legend)))
    names = [target] if isinstance(target, str) else target
    unknown = [name for name in names if name not in legend.names]
    if unknown or not names:
        raise UsageError(
            f"data set {data_set} maps values to {', '.join(map(repr, unknown)) or 'no class'}; "
            f"the legend has {', '.join(legend.names)}, and `{IGNORE}` leaves pixels out."
        )
    return tuple(sorted({legend.names.index(name) for name in names}))
