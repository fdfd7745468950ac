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

_TABLE = "GDALRasterAttributeTable"
_VALUE = frozenset({"value", "id", "code", "gridcode"})
_NAME = frozenset({"class_names", "class_name", "classname", "class", "name", "label"})
"""Customary names of the columns of an attribute table, in lower case."""
_NUMBERED = re.compile(r"((cla|value|id|code|dn|band)? ?-?\d+)?")
"""Names, as `_plain` reduces them, that say nothing."""
_TAG = re.compile(r"class_(\d{1,5})", re.IGNORECASE)
_USED_AS_COUNT, _USED_AS_NAME, _USED_AS_VALUE = "1", "2", "5"
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
    described = _describe_bands(raster).get(band)
    if described is None:
        return tagged
    categories = enumerate(each.text or "" for each in described.findall("CategoryNames/Category"))
    table = described.find(_TABLE)
    return tagged | dict(categories) | ({} if table is None else dict(_names(table)))


def attribute_table(raster: rasterio.DatasetReader) -> Xml.Element | None:
    """Return the attribute table of a raster's ids, as GDAL writes it in a VRT; None without one."""
    (band,) = code_bands(raster, coloured=False)
    described = _describe_bands(raster).get(band)
    return None if described is None else described.find(_TABLE)


def sidecar_of_names(raster: rasterio.DatasetReader) -> bytes | None:
    """Return the attribute tables and categories of a raster as GDAL's sidecar of a copy; None if it has neither.

    Tables lose their counts of pixels, which hold for one file only. The raster must have been opened with overviews.
    """
    root = Xml.Element("PAMDataset")
    for number, described in _describe_bands(raster).items():
        found = [each for tag in ("CategoryNames", _TABLE) if (each := described.find(tag)) is not None]
        if found:
            Xml.SubElement(root, "PAMRasterBand", band=str(number)).extend(found)
    for table in root.iter(_TABLE):
        _drop_counts(table)
    return Xml.tostring(root, encoding="utf-8") if len(root) else None


def _describe_bands(raster: rasterio.DatasetReader) -> dict[int, Xml.Element]:
    """Return GDAL's description of each band in a VRT: rasterio reads neither attribute tables nor categories."""
    with MemoryFile(ext=".vrt") as memory:
        rasterio.shutil.copy(raster, memory.name, driver="VRT")
        text = memory.read()
    try:
        bands = Xml.fromstring(text).findall("VRTRasterBand")
    except Xml.ParseError:  # of names with characters that XML does not have
        return {}
    return {int(each.get("band", 0)): each for each in bands}


def _drop_counts(table: Xml.Element) -> None:
    fields = table.findall("FieldDefn")
    counts = [
        place
        for place, field in enumerate(fields)
        if field.findtext("Usage") == _USED_AS_COUNT or field.findtext("Name", "").lower() == "count"
    ]
    for row in table.findall("Row"):
        cells = row.findall("F")
        for place in counts:
            row.remove(cells[place])
    for place in counts:
        table.remove(fields[place])
    for place, field in enumerate(table.findall("FieldDefn")):
        field.set("index", str(place))


def _names(table: Xml.Element) -> Iterator[tuple[int, str]]:
    """Yield values and names of an attribute table."""
    name = find_column(columns_of(table), _NAME, _USED_AS_NAME)
    if name is not None:
        for number, cells in rows_of(table):
            yield number, cells[name]


def rows_of(table: Xml.Element) -> Iterator[tuple[int, list[str]]]:
    """Yield values and cells of an attribute table; without a column of values, they are the numbers of its rows."""
    value = find_column(columns_of(table), _VALUE, _USED_AS_VALUE)
    if value is None and float(table.get("Row0Min", 0)) not in (0, -0.5):
        return
    for number, row in enumerate(table.findall("Row")):
        cells = [each.text or "" for each in row.findall("F")]
        with suppress(ValueError):  # a row without a number
            found = number if value is None else float(cells[value])
            if found == int(found):
                yield int(found), cells


def columns_of(table: Xml.Element) -> list[tuple[str, str]]:
    """Names, in lower case, and uses of the columns of an attribute table."""
    return [(each.findtext("Name", "").lower(), each.findtext("Usage", "")) for each in table.findall("FieldDefn")]


def find_column(columns: Sequence[tuple[str, str]], customary: Collection[str], use: str) -> int | None:
    """Find the first column of a use, or else of a customary name."""
    used = [number for number, (_, found) in enumerate(columns) if found == use]
    named = [number for number, (name, _) in enumerate(columns) if name in customary]
    return next(iter(used + named), None)


def contradictions(
    names: Mapping[int, str], meant: Mapping[int, tuple[str, ...]], legend: Collection[str], *, mapped: bool = False
) -> tuple[Contradiction, ...]:
    """Find ids with other names than the classes of the `legend` that they are taken for.

    If the user has `mapped` ids to classes, only names of another class of the legend count: others are expected.
    Case, plural, spaces and hyphens make no difference, and a name such as `Class 1` does not count.
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
