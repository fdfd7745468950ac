"""Label values of training: classes, sets of classes for labels that know only part of the legend, and ignored."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.datasets.codings import CODINGS, LEGENDS, Coding, translate
from geoseg.errors import UsageError
from geoseg.models.legend import NODATA, Legend, LegendClass
from geoseg.training.recipe.recipe import DataSet, LegendTable, Recipe

OTHERS = "*"
"""Key of `values` for every value without an entry of its own."""
BACKGROUND = "background"
"""Key of `values` for ground that no vector feature covers."""
IGNORE = "ignore"
"""What `values` maps to where a label says nothing."""


@dataclass(frozen=True, kw_only=True)
class LabelSets:
    """Which classes each value of a training label raster allows."""

    legend: Legend
    allowed: tuple[tuple[int, ...], ...]
    """Class ids by label value: the single classes in order, then partial sets, and last all of them: ignored."""

    @property
    def ignored(self) -> int:
        """Label value of pixels that say nothing."""
        return len(self.allowed) - 1

    @property
    def allows(self) -> npt.NDArray[np.bool_]:
        """Whether a label value allows a class `(label values, classes)`; losses have theirs from `allowed`."""
        table = np.zeros((len(self.allowed), len(self.legend)), np.bool_)
        for value, ids in enumerate(self.allowed):
            table[value, list(ids)] = True
        return table

    def value(self, ids: Iterable[int]) -> int:
        """Label value of a set of class ids."""
        return self.allowed.index(tuple(sorted(set(ids))))


def legend_of(recipe: Recipe) -> Legend:
    """The legend that a recipe names or lists.

    Raises
    ------
    UsageError
        If there is no built-in legend of the name, or its table is not a legend.
    """
    if isinstance(recipe.legend, str):
        if recipe.legend not in LEGENDS:
            raise UsageError(
                f"there is no legend {recipe.legend!r}; choose one of {', '.join(LEGENDS)}, or list classes."
            )
        return LEGENDS[recipe.legend]
    return _listed(recipe.legend)


def _listed(table: LegendTable) -> Legend:
    names = [entry.name for entry in table.classes]
    if table.road is not None and table.road not in names:
        raise UsageError(f"legend.road names {table.road!r}, which is not one of its classes: {', '.join(names)}.")
    try:
        classes = tuple(LegendClass(name=entry.name, colour=entry.colour) for entry in table.classes)
        return Legend(classes=classes, road=None if table.road is None else names.index(table.road))
    except ValueError as error:
        raise UsageError(f"the legend cannot be used: {error}") from error


def label_sets(recipe: Recipe) -> LabelSets:
    """All sets of classes that the labels of a recipe's data can tell apart.

    Raises
    ------
    UsageError
        If a data set names a class that the legend does not have.
    """
    legend = legend_of(recipe)
    everything = tuple(range(len(legend)))
    mappings = [(entry.name, entry.values) for entry in recipe.data]
    if recipe.rendered is not None:
        mappings.append(("rendered", recipe.rendered.values))
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
            f"the legend has {', '.join(legend.names)}, and `{IGNORE}` says nothing."
        )
    return tuple(sorted({legend.names.index(name) for name in names}))


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """From the values of a data set's labels to label values."""

    name: str
    """The data set's, for errors."""
    coloured: bool
    """Values are colours `0xrrggbb`; otherwise ids."""
    table: Mapping[int, int]
    """Label value of each value."""
    others: int | None
    """Label value of all other values; None where there may be none."""

    def encode(
        self, values: npt.NDArray[np.integer], valid: npt.NDArray[np.bool_], source: str
    ) -> npt.NDArray[np.uint8]:
        """Translate ids or packed colours `(height, width)`; invalid ones are ignored, whatever they are.

        Raises
        ------
        UsageError
            If a value is in neither the coding nor the recipe: it is named, with its pixel count.
        """
        labels, unknown = translate(values, self.table)
        unknown &= valid
        if unknown.any():
            if self.others is None:
                raise UsageError(self._unknown(values[unknown], source))
            labels[unknown] = self.others
        return labels

    def _unknown(self, values: npt.NDArray[np.integer], source: str) -> str:
        found, counts = np.unique(values, return_counts=True)
        first = np.argmax(counts)
        text = f"#{found[first]:06x}" if self.coloured else str(found[first])
        more = f" ({counts.sum()} pixels of {len(found)} unknown values in all)" if len(found) > 1 else ""
        what = "colour" if self.coloured else "id"
        return (
            f"{source} has {counts[first]} pixels of {what} {text}{more}, which data set {self.name} does not list; "
            f"map it in its `values` to a class, a list of classes, or `{IGNORE}` ({OTHERS!r} stands for all others)."
        )


def encoder_of(entry: DataSet, sets: LabelSets) -> Encoder:
    """How the label raster of a data set is read.

    Raises
    ------
    UsageError
        If the coding is unknown, or a key of `values` means nothing in it.
    """
    if entry.coding in CODINGS:
        coding = CODINGS[entry.coding]
    elif entry.coding in ("ids", "colours"):
        coding = Coding(coloured=entry.coding == "colours", names={})
    else:
        raise UsageError(
            f"data set {entry.name} has coding {entry.coding!r}; choose ids, colours, vector or one of "
            f"{', '.join(CODINGS)}."
        )
    table = _by_name(entry, coding, sets)
    for key, target in entry.values.items():
        if key != OTHERS and key not in coding.names.values():
            table[_parsed(key, coding, entry)] = sets.value(classes_of(target, sets.legend, entry.name))
    if entry.coding == "ids":
        if not entry.values:
            table = {i: i for i in range(len(sets.legend))}
        table.setdefault(NODATA, sets.ignored)
    others = entry.values.get(OTHERS)
    return Encoder(
        name=entry.name,
        coloured=coding.coloured,
        table=table,
        others=None if others is None else sets.value(classes_of(others, sets.legend, entry.name)),
    )


def _by_name(entry: DataSet, coding: Coding, sets: LabelSets) -> dict[int, int]:
    """Label values of a coding's classes: by `values`, by the legend's class of the same name, or by silence."""
    table = {}
    for value, name in coding.names.items():
        if name in entry.values:
            table[value] = sets.value(classes_of(entry.values[name], sets.legend, entry.name))
        elif name in sets.legend.names:
            table[value] = sets.legend.names.index(name)
        elif name in coding.silent:
            table[value] = sets.ignored
        elif OTHERS not in entry.values:
            raise UsageError(
                f"data set {entry.name} has the class {name!r} of coding {entry.coding}, which is not in the legend; "
                f"map it under `values` to a class, a list of classes, or `{IGNORE}`."
            )
    return table


def _parsed(key: str, coding: Coding, entry: DataSet) -> int:
    """The number of a key of `values`: an id, or a colour."""
    digits = key.removeprefix("#")
    try:
        if coding.coloured and len(digits) == 6 and key.startswith("#"):
            return int(digits, 16)
        if not coding.coloured:
            return int(key)
    except ValueError:
        pass
    expected = "a colour like #4a4a4a" if coding.coloured else "an id"
    names = f", or one of {', '.join(sorted(set(coding.names.values())))}" if coding.names else ""
    raise UsageError(f"data set {entry.name} maps {key!r}; expected {expected}{names}, or {OTHERS!r}.")
