"""Map pixel values of predictions and references to the class ids compared."""

import re
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.datasets.codings import CODINGS, LEGENDS, Coding, Translated, translate
from geoseg.errors import UsageError
from geoseg.models.legend import NODATA, Legend

_NUMBER = re.compile("-?[0-9]+")


@dataclass(frozen=True, kw_only=True)
class Codes:
    """Mapping from pixel values to class ids."""

    ids: Mapping[int, int]
    """Id of each value; `NODATA` if not compared."""
    rest: int | None = None
    """Id of all other values; None if they are unknown."""
    coding: Coding | None = None
    """Coding of the reference; None for ids."""
    foreign: Mapping[int, str] | None = None
    """Names of values without a class in the prediction's legend."""
    expected: Set[int] = frozenset()
    """Values named by the user, which may not occur."""

    @property
    def coloured(self) -> bool:
        """Whether values are colours `0xrrggbb`."""
        return self.coding is not None and self.coding.coloured

    def decode(self, values: npt.NDArray[Any]) -> Translated:
        """Find the ids of integer `values`."""
        if values.dtype == np.uint8:
            ids, unknown, near = self._look_up(np.arange(256))
            return Translated(ids[values], unknown[values], near[values])
        return self._look_up(values)

    def _look_up(self, values: npt.NDArray[Any]) -> Translated:
        ids, unknown, near = translate(values, self.ids, self.coding)
        ids[unknown] = NODATA if self.rest is None else self.rest
        return Translated(ids, unknown if self.rest is None else np.zeros_like(unknown), near)

    def name_of(self, value: int) -> str:
        """Name a value in a message."""
        code = f"colour #{value:06x}" if self.coloured else f"value {value}"
        return f"{code} ({self.foreign[value]})" if self.foreign and value in self.foreign else code


@dataclass(frozen=True, kw_only=True)
class ClassMapping:
    """The classes compared, and their pixel values on both sides."""

    names: tuple[str, ...] | None
    """Class names by id; None without a legend."""
    classes: int
    ignored: frozenset[int]
    """Ids of classes not scored."""
    predicted: Codes
    reference: Codes
    single: int | None = None
    """Predicted id of the one class compared with all others; None to compare all classes."""
    bands: int | None = None
    """Bands of a raster of probabilities, one for each class of the prediction; None without a legend."""
    ignored_values: frozenset[int] = frozenset()
    """Reference values ignored by number; they may not occur."""
    single_values: frozenset[int] = frozenset()
    """Reference values of the one class; empty if all classes are compared."""
    unknown: int | None = None
    """Predicted id, after those of the classes, of pixels that the prediction left unknown; None if it has an entry for
    none."""


def map_classes(
    legend: Legend | None,
    *,
    ignore: Collection[int | str] = (),
    coding: str | None = None,
    single: str | None = None,
    unlabelled: Collection[int] = (),
) -> ClassMapping:
    """Map the values of prediction and reference to the classes compared; options are those of `evaluate`.

    `legend` is the prediction's. Without `coding`, reference values are the prediction's ids, and those in `unlabelled`
    have no class. Unknown names raise UsageError.
    """
    built_in = None if coding is None else _coding(coding)
    if legend is None and coding is not None:
        legend = LEGENDS[coding]
    names = None if legend is None else legend.names
    left_out = [ignore] if isinstance(ignore, str) else [str(entry) for entry in ignore]
    if single is not None:
        return _single(legend, built_in, left_out, single, unlabelled)
    classes = NODATA if names is None else len(names)
    ids = {number: number for number in range(classes)} | {NODATA: NODATA}
    unknown = None if legend is None or legend.unknown is None else classes
    numbers: frozenset[int] = frozenset()
    if built_in is not None:
        reference, ignored = _coded(names or (), built_in, left_out)
    else:
        values = [_id(entry, names) for entry in left_out]
        numbers = _numbers(left_out)
        silent = {value: NODATA for value in (*unlabelled, *values) if not 0 <= value < classes}
        reference = Codes(ids=ids | silent, expected=numbers)
        ignored = [value for value in values if 0 <= value < classes]
    return ClassMapping(
        names=names,
        classes=classes,
        ignored=frozenset(ignored),
        predicted=Codes(ids=ids if unknown is None else ids | {unknown: unknown}),
        reference=reference,
        bands=None if names is None else classes,
        ignored_values=numbers,
        unknown=unknown,
    )


def _coding(name: str) -> Coding:
    if name not in CODINGS:
        raise UsageError(f"coding {name!r} is unknown; choose one of {', '.join(CODINGS)}.")
    return CODINGS[name]


def _id(text: str, names: tuple[str, ...] | None) -> int:
    """Parse an id, or look up a class name."""
    if names is not None and text in names:
        return names.index(text)
    if _NUMBER.fullmatch(text) is None:
        known = "the prediction has no class names" if names is None else f"classes are {', '.join(names)}"
        raise UsageError(f"there is no class {text!r}: {known}.")
    return int(text)


def _numbers(ignore: Collection[str]) -> frozenset[int]:
    """Values ignored by number."""
    return frozenset(int(entry) for entry in ignore if _NUMBER.fullmatch(entry))


def _coded(names: tuple[str, ...], coding: Coding, ignore: Collection[str]) -> tuple[Codes, list[int]]:
    """Return the codes of a coded reference, and the ids of ignored classes."""
    ignored = [_id(name, names) for name in ignore if name in names or name not in coding.names.values()]
    if unknown := [number for number in ignored if not 0 <= number < len(names)]:
        raise UsageError(f"there is no class {unknown[0]}: classes are {', '.join(names)}.")
    ids, foreign = {}, {}
    for value, name in coding.names.items():
        if name in names:
            ids[value] = names.index(name)
        elif name in coding.silent or name in ignore:
            ids[value] = NODATA
        else:
            foreign[value] = name
    return Codes(ids=ids, coding=coding, foreign=foreign), ignored


def _single(
    legend: Legend | None, coding: Coding | None, ignore: Collection[str], single: str, unlabelled: Collection[int]
) -> ClassMapping:
    """Map one class to id 1, all others to id 0, and unknown pixels to id 2."""
    names = None if legend is None else legend.names
    name, _, value = single.partition("=")
    number = _id(name, names)
    if not 0 <= number <= (NODATA if names is None else len(names) - 1):
        raise UsageError(f"there is no class {name} in the prediction.")
    label = name if names is None else names[number]
    if coding is None:
        wanted_value = _id(value, names) if value else number
        numbers, wanted_values = _numbers(ignore), frozenset({wanted_value})
        left_out = dict.fromkeys((NODATA, *unlabelled, *(_id(entry, names) for entry in ignore)), NODATA)
        reference = Codes(ids=left_out | {wanted_value: 1}, rest=0, expected=numbers | wanted_values)
    else:
        wanted = value or label
        unknown = [entry for entry in (wanted, *ignore) if entry not in coding.names.values()]
        if unknown:
            raise UsageError(f"the coding has no class {unknown[0]!r}; it has {', '.join(coding.names.values())}.")
        numbers, wanted_values = frozenset(), frozenset(code for code, name in coding.names.items() if name == wanted)
        id_of = dict.fromkeys(coding.silent.union(ignore), NODATA) | {wanted: 1}
        ids = {code: id_of.get(name, 0) for code, name in coding.names.items()}
        reference = Codes(ids=ids, coding=coding, expected=wanted_values)
    after = {} if legend is None or legend.unknown is None else {len(legend): 2}
    # A class of the legend may be absent; a bare number may be a slip.
    expected = {number} if names is None else frozenset()
    return ClassMapping(
        names=(f"not {label}", label),
        classes=2,
        ignored=frozenset(),
        predicted=Codes(ids={NODATA: NODATA, number: 1} | after, rest=0, expected=expected),
        reference=reference,
        single=number,
        bands=None if names is None else len(names),
        ignored_values=numbers,
        single_values=wanted_values,
        unknown=2 if after else None,
    )
