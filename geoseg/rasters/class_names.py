"""Names that a raster gives its class ids, in its attribute table or as GDAL's categories."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple
from xml.etree import ElementTree as Xml

import rasterio
import rasterio.shutil
from rasterio.io import MemoryFile

from geoseg.sentences import counted

from .labels import code_bands

_VALUE = frozenset({"value", "id", "code", "gridcode"})
_NAME = frozenset({"class_names", "class_name", "classname", "class", "name", "label"})
"""Customary names of the columns of an attribute table, in lower case."""
_NUMBERED = re.compile(r"((cla|value|id|code|dn|band)? ?-?\d+)?")
"""Names, as `_plain` reduces them, that say nothing."""
_TAG = re.compile(r"class_(\d{1,5})", re.IGNORECASE)
_USED_AS_NAME, _USED_AS_VALUE = "2", "5"
"""GDAL's numbers of what a column is used for."""


class Contradiction(NamedTuple):
    """An id with a name that is not that of the class it is taken for."""

    number: int
    name: str
    meant: tuple[str, ...]
    """Names of the class, or of several that it may be."""


def class_names_of(raster: rasterio.DatasetReader) -> dict[int, str]:
    """Names that a raster gives its ids: in its attribute table, or else GDAL's categories, or else tags `class_<id>`.

    It must have been opened with overviews: GDAL gives no names otherwise.
    """
    (band,) = code_bands(raster, coloured=False)
    tags = (raster.tags() | raster.tags(band)).items()
    tagged = {int(found[1]): name for key, name in tags if (found := _TAG.fullmatch(key))}
    with MemoryFile(ext=".vrt") as memory:
        rasterio.shutil.copy(raster, memory.name, driver="VRT")  # rasterio reads neither table nor categories
        text = memory.read()
    with suppress(Xml.ParseError):  # of names with characters that XML does not have
        described = Xml.fromstring(text).find(f"VRTRasterBand[@band='{band}']")
        if described is not None:
            categories = enumerate(each.text or "" for each in described.findall("CategoryNames/Category"))
            table = described.find("GDALRasterAttributeTable")
            return tagged | dict(categories) | ({} if table is None else dict(_rows(table)))
    return tagged


def _rows(table: Xml.Element) -> Iterator[tuple[int, str]]:
    """Yield values and names of an attribute table; without a column of values, they are the numbers of its rows."""
    columns = [(each.findtext("Name", "").lower(), each.findtext("Usage", "")) for each in table.findall("FieldDefn")]
    value, name = _find_column(columns, _VALUE, _USED_AS_VALUE), _find_column(columns, _NAME, _USED_AS_NAME)
    if name is None or (value is None and float(table.get("Row0Min", 0)) not in (0, -0.5)):
        return
    for number, row in enumerate(table.findall("Row")):
        cells = [each.text or "" for each in row.findall("F")]
        with suppress(ValueError):  # a row without a number
            found = number if value is None else float(cells[value])
            if found == int(found):
                yield int(found), cells[name]


def _find_column(columns: Sequence[tuple[str, str]], customary: Collection[str], use: str) -> int | None:
    """Find the first column of a use, or else of a customary name."""
    used = [number for number, (_, found) in enumerate(columns) if found == use]
    named = [number for number, (name, _) in enumerate(columns) if name in customary]
    return next(iter(used + named), None)


def contradictions(
    names: Mapping[int, str], meant: Mapping[int, tuple[str, ...]], legend: Collection[str], *, mapped: bool = False
) -> tuple[Contradiction, ...]:
    """Find ids with other names than the classes of the `legend` that they are taken for.

    If the user has `mapped` ids to classes, only names of another class of the legend count: others are expected.
    Case, plural, spaces and hyphens make no difference, and a name such as `Class 1` is none.
    """
    known = {_plain(name) for name in legend}
    return tuple(
        Contradiction(number, name.strip(), meant[number])
        for number, name in sorted(names.items())
        if number in meant
        and not any(_NUMBERED.fullmatch(_plain(each)) for each in (name, *meant[number]))
        and _plain(name) not in map(_plain, meant[number])
        and (not mapped or _plain(name) in known)
    )


def describe_contradiction(raster: str, found: tuple[Contradiction, ...], *, others: int = 0) -> str:
    """Say that a raster, and `others`, name ids otherwise than what they are taken for."""
    number, name, meant = found[0]
    more = f" (and {counted(len(found) - 1, 'more id')})" if len(found) > 1 else ""
    too = f", as do {others} more" if others else ""
    return (
        f"{raster} names its id {number} {name!r}{more}{too}, but it is taken for {' or '.join(meant)}: check that its "
        "ids are those of the classes, unless both are names of one class."
    )


def _plain(name: str) -> str:
    """Reduce a name to what distinguishes it from those of other classes."""
    return " ".join(word.rstrip("s") for word in re.split(r"[\W_]+", name.casefold()) if word)
