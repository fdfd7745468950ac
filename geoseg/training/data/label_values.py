"""Encode the values of label rasters, ids or colours, as label values."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.datasets.codings import CODINGS, Coding, translate
from geoseg.errors import UsageError
from geoseg.models.legend import NODATA
from geoseg.training.recipe.label_sets import IGNORE, OTHERS, LabelSets, classes_of
from geoseg.training.recipe.recipe import DataSet


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """Mapping from the ids or colours of a data set's labels to label values."""

    name: str
    """Name of the data set, for errors."""
    coloured: bool
    """Values are colours `0xrrggbb`; otherwise ids."""
    table: Mapping[int, int]
    """Label value by id or colour."""
    others: int | None
    """Label value of all others; None to refuse them."""

    def encode(
        self, values: npt.NDArray[np.integer], valid: npt.NDArray[np.bool_], source: str
    ) -> npt.NDArray[np.uint8]:
        """Translate ids or packed colours `(height, width)`; invalid pixels may have any value.

        Raises
        ------
        UsageError
            If neither the coding nor the recipe maps a value; the message counts its pixels.
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
        kind = "colour" if self.coloured else "id"
        return (
            f"{source} has {counts[first]} pixels of {kind} {text}{more}, which data set {self.name} does not list; "
            f"map it in its `values` to a class, a list of classes, or `{IGNORE}` ({OTHERS!r} stands for all others)."
        )


def encoder_of(entry: DataSet, sets: LabelSets) -> Encoder:
    """Build the encoder for the label rasters of a data set.

    Raises
    ------
    UsageError
        If the coding is unknown, or a key of `values` does not fit it.
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
    """Label values of a coding's classes: from `values`, the legend's class of that name, or ignored."""
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
    """Parse a key of `values`: an id or a colour."""
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
