"""Encode the values of label rasters, ids or colours, as label values."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geoseg.datasets.codings import CODINGS, Coding, describe_near, translate
from geoseg.errors import UsageError
from geoseg.messages import warn
from geoseg.models.legend import NODATA, Legend
from geoseg.training.recipe.label_sets import IGNORE, OTHERS, LabelSets
from geoseg.training.recipe.recipe import DataSet


@dataclass(frozen=True, kw_only=True)
class LabelEncoder:
    """Mapping from the ids or colours of a data set's labels to label values."""

    data_set: str
    """Name for error messages."""
    coding: Coding
    """Whether values are ids or colours, and which other colours stand for its own."""
    table: Mapping[int, int]
    """Label value by id or colour."""
    others: int | None
    """Label value of all others; None to refuse them."""
    legend: Legend | None = None
    """The recipe's legend if ids are its own; None if `values` or a coding defines them."""

    def encode(
        self, values: npt.NDArray[np.integer], valid: npt.NDArray[np.bool_], source: str
    ) -> npt.NDArray[np.uint8]:
        """Translate ids or packed colours `(height, width)`; UsageError for unmapped values of valid pixels.

        A GeosegWarning reports colours that are near those of the coding, not equal.
        """
        labels, unknown, near = translate(values, self.table, self.coding)
        unknown &= valid
        if (near & valid).any():
            warn(describe_near(source))
        if unknown.any():
            if self.others is None:
                raise UsageError(self._describe_unknown(values[unknown], source))
            labels[unknown] = self.others
        return labels

    def _describe_unknown(self, values: npt.NDArray[np.integer], source: str) -> str:
        found, counts = np.unique(values, return_counts=True)
        first = np.argmax(counts)
        count = int(counts[first])
        text = f"#{found[first]:06x}" if self.coding.coloured else str(found[first])
        more = f" ({counts.sum()} pixels of {len(found)} unknown values in all)" if len(found) > 1 else ""
        kind = "colour" if self.coding.coloured else "id"
        return (
            f"{source} has {count} pixel{'s' * (count != 1)} of {kind} {text}{more}, which data set {self.data_set} "
            f"does not list; map it in its `values` to a class, a list of classes, or `{IGNORE}` ({OTHERS!r} means all "
            "others)."
        )


def build_label_encoder(entry: DataSet, sets: LabelSets) -> LabelEncoder:
    """Build the encoder for a data set's label rasters; UsageError if coding or `values` are invalid."""
    width = DataSet.model_fields["width_m"].default
    for key, given in (("attribute", entry.attribute is not None), ("width_m", entry.width_m != width)):
        if given:
            raise UsageError(
                f"data set {entry.name} has a{'n' * (key == 'attribute')} {key}, but its coding is {entry.coding}; set "
                f"coding = 'vector', or remove {key}."
            )
    if entry.coding in CODINGS:
        coding = CODINGS[entry.coding]
    elif entry.coding in ("ids", "colours"):
        coding = Coding(coloured=entry.coding == "colours", names={})
    else:
        raise UsageError(
            f"data set {entry.name} has coding {entry.coding!r}; choose ids, colours, vector or one of "
            f"{', '.join(CODINGS)}."
        )
    keys = _find_keys(entry, coding)
    own = {
        value: sets.encode(entry.values[key], entry.name)
        for value, key in keys.items()
        if key not in coding.names.values()
    }
    names = {value: name for value, name in coding.names.items() if value not in own}
    table = _encode_names(names, entry, coding, sets) | own
    if entry.coding == "ids":
        if not entry.values:
            table = {i: i for i in range(len(sets.legend))}
        table.setdefault(NODATA, sets.ignored)
    others = entry.values.get(OTHERS)
    return LabelEncoder(
        data_set=entry.name,
        coding=coding,
        table=table,
        others=None if others is None else sets.encode(others, entry.name),
        legend=None if entry.values or entry.coding != "ids" else sets.legend,
    )


def _find_keys(entry: DataSet, coding: Coding) -> dict[int, str]:
    """Find the key of `values` for each id or colour that it lists; UsageError if there are two."""
    named = [(value, name) for value, name in coding.names.items() if name in entry.values]
    others = [key for key in entry.values if key != OTHERS and key not in coding.names.values()]
    found: dict[int, str] = {}
    for value, key in [*named, *((_parse_key(key, coding, entry), key) for key in others)]:
        if value in found:
            raise UsageError(
                f"data set {entry.name} maps {found[value]!r} and {key!r}, which are the same; remove one of them from "
                "its `values`."
            )
        found[value] = key
    return found


def _encode_names(names: Mapping[int, str], entry: DataSet, coding: Coding, sets: LabelSets) -> dict[int, int]:
    """Map names of a coding by `values`, else to the legend's class of that name, else to ignored."""
    table = {}
    for value, name in names.items():
        if name in entry.values:
            table[value] = sets.encode(entry.values[name], entry.name)
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


def _parse_key(key: str, coding: Coding, entry: DataSet) -> int:
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
