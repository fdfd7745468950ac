"""Map pixel values of predictions and references to the class ids compared."""

import re
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from geoseg.datasets.codings import CODINGS, LEGENDS, Coding, translate
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
    coloured: bool = False
    """Values are colours `0xrrggbb`."""
    foreign: Mapping[int, str] | None = None
    """Names of values whose class is not in the legend of the prediction."""
    expected: Set[int] = frozenset()
    """Values named by the user, which may not occur."""

    def decode(self, values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """Ids of integer `values`, and a mask of unknown ones; both of the same shape."""
        if values.dtype == np.uint8:
            ids, unknown = self._look_up(np.arange(256))
            return ids[values], unknown[values]
        return self._look_up(values)

    def _look_up(self, values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        ids, unknown = translate(values, self.ids)
        ids[unknown] = NODATA if self.rest is None else self.rest
        return ids, unknown if self.rest is None else np.zeros_like(unknown)

    def describe(self, value: int) -> str:
        """Name a value in a message."""
        code = f"colour #{value:06x}" if self.coloured else f"value {value}"
        return f"{code} ({self.foreign[value]})" if self.foreign and value in self.foreign else code


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """The classes compared, and their values on both sides."""

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
    """Bands of a raster of probabilities: classes of the prediction; None without a legend."""
    ignored_values: frozenset[int] = frozenset()
    """Reference values ignored by number; they may not occur."""
    single_values: frozenset[int] = frozenset()
    """Reference values of the one class; empty if all classes are compared."""


def meaning(
    legend: Legend | None,
    *,
    ignore: Collection[int | str] = (),
    coding: str | None = None,
    single: str | None = None,
) -> Meaning:
    """Decide which classes and values are compared.

    Parameters
    ----------
    legend
        The prediction's, if any.
    ignore
        Ids, values or class names of the reference to exclude.
    coding
        Built-in coding of the reference; None if its values are the prediction's ids.
    single
        `NAME` or `NAME=VALUE`: compare this predicted class, by name or id, with this reference value.

    Raises
    ------
    UsageError
        If a name is unknown.
    """
    built_in = None if coding is None else _coding(coding)
    if legend is None and coding is not None:
        legend = LEGENDS[coding]
    names = None if legend is None else legend.names
    if single is not None:
        return _single(names, built_in, [str(entry) for entry in ignore], single)
    classes = NODATA if names is None else len(names)
    ids = {number: number for number in range(classes)} | {NODATA: NODATA}
    numbers: frozenset[int] = frozenset()
    if built_in is not None:
        reference, ignored = _coded(names or (), built_in, [str(entry) for entry in ignore])
    else:
        values = [_id(str(entry), names) for entry in ignore]
        numbers = _numbers(ignore)
        reference = Codes(ids=ids | {value: NODATA for value in values if not 0 <= value < classes}, expected=numbers)
        ignored = [value for value in values if 0 <= value < classes]
    return Meaning(
        names=names,
        classes=classes,
        ignored=frozenset(ignored),
        predicted=Codes(ids=ids),
        reference=reference,
        bands=None if names is None else classes,
        ignored_values=numbers,
    )


def _coding(name: str) -> Coding:
    if name not in CODINGS:
        raise UsageError(f"coding {name!r} is unknown; choose one of {', '.join(CODINGS)}.")
    return CODINGS[name]


def _id(text: str, names: tuple[str, ...] | None) -> int:
    """Return the id given as a number or as a class name."""
    if names is not None and text in names:
        return names.index(text)
    if _NUMBER.fullmatch(text) is None:
        known = "the prediction has no class names" if names is None else f"classes are {', '.join(names)}"
        raise UsageError(f"there is no class {text!r}: {known}.")
    return int(text)


def _numbers(ignore: Collection[int | str]) -> frozenset[int]:
    """Values ignored by number."""
    return frozenset(int(entry) for entry in ignore if _NUMBER.fullmatch(str(entry)))


def _coded(names: tuple[str, ...], coding: Coding, ignore: Collection[str]) -> tuple[Codes, list[int]]:
    """Codes of a coded reference, and ids of ignored classes."""
    strangers = [name for name in ignore if name not in names and name not in coding.names.values()]
    ignored = [_id(name, names) for name in ignore if name in names or name in strangers]
    if beyond := [number for number in ignored if not 0 <= number < len(names)]:
        raise UsageError(f"there is no class {beyond[0]}: classes are {', '.join(names)}.")
    ids, foreign = {}, {}
    for value, name in coding.names.items():
        if name in names:
            ids[value] = names.index(name)
        elif name in coding.silent or name in ignore:
            ids[value] = NODATA
        else:
            foreign[value] = name
    return Codes(ids=ids, coloured=coding.coloured, foreign=foreign), ignored


def _single(names: tuple[str, ...] | None, coding: Coding | None, ignore: Collection[str], single: str) -> Meaning:
    """Compare one class with all others: id 1 with id 0."""
    name, _, value = single.partition("=")
    number = _id(name, names)
    if not 0 <= number <= (NODATA if names is None else len(names) - 1):
        raise UsageError(f"there is no class {name} in the prediction.")
    label = name if names is None else names[number]
    if coding is None:
        true = _id(value, names) if value else number
        numbers, wanted_values = _numbers(ignore), frozenset({true})
        silent = {NODATA: NODATA} | {_id(entry, names): NODATA for entry in ignore}
        reference = Codes(ids=silent | {true: 1}, rest=0, expected=numbers | wanted_values)
    else:
        wanted = value or label
        unknown = [entry for entry in (wanted, *ignore) if entry not in coding.names.values()]
        if unknown:
            raise UsageError(f"the coding has no class {unknown[0]!r}; it has {', '.join(coding.names.values())}.")
        numbers, wanted_values = frozenset(), frozenset(code for code, name in coding.names.items() if name == wanted)
        left_out = coding.silent.union(ignore)
        reference = Codes(
            ids={
                code: 1 if name == wanted else NODATA if name in left_out else 0 for code, name in coding.names.items()
            },
            coloured=coding.coloured,
            expected=wanted_values,
        )
    return Meaning(
        names=(f"not {label}", label),
        classes=2,
        ignored=frozenset(),
        # A class of the legend may be absent; a bare number may be a slip.
        predicted=Codes(
            ids={NODATA: NODATA} | {number: 1}, rest=0, expected=frozenset() if names is not None else {number}
        ),
        reference=reference,
        single=number,
        bands=None if names is None else len(names),
        ignored_values=numbers,
        single_values=wanted_values,
    )
