"""VRTs of files with different colour tables, of which GDAL shows one for all."""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from geoseg.errors import SceneError
from geoseg.messages import warn
from geoseg.rasters.read import colormap_of
from geoseg.rasters.sources.allowed import open_allowed
from geoseg.rasters.sources.sidecars import files_behind, without_sidecars

_OWN = ("<LUT>", "<ColorTableComponent>")
"""Elements of a VRT that translates the values of its sources."""

Colour = tuple[int, int, int, int]


class _Difference(NamedTuple):
    """A value with different colours in two files."""

    first: str
    other: str
    value: int
    colours: tuple[Colour | None, Colour | None]


def refuse_mixed_palettes(raster: rasterio.DatasetReader) -> None:
    """Raise SceneError for a VRT whose colours are wrong for some of its files."""
    found = next(_differences(raster), None)
    if found is not None:
        raise SceneError(
            f"{raster.name} shows files with different colour tables, {found.first} and {found.other}, and has the "
            "colours of one for all; expand each file before they are combined (`gdal_translate -expand rgb IN "
            "OUT.tif`)."
        )


def report_mixed_palettes(raster: rasterio.DatasetReader) -> None:
    """Warn of a VRT in whose files an id has different colours, so that it may be different classes."""
    for found in _differences(raster):
        if all(colour is not None and colour[3] and any(colour[:3]) for colour in found.colours):
            ours, theirs = ("#{:02x}{:02x}{:02x}".format(*colour) for colour in found.colours if colour is not None)
            warn(
                f"{raster.name} shows files with different colour tables: the value {found.value} is {ours} in "
                f"{found.first} and {theirs} in {found.other}. If it is another class there, give all files the same "
                "ids before they are combined.",
            )
            return


def _differences(raster: rasterio.DatasetReader) -> Iterator[_Difference]:
    """Yield how the colour tables of a VRT's files differ from that of the first which has one."""
    first: tuple[str, dict[int, Colour]] | None = None
    for name, table in _tables(raster):
        if first is None:
            first = name, table
        for value in sorted(first[1].keys() | table.keys()):
            colours = first[1].get(value), table.get(value)
            if colours[0] != colours[1]:
                yield _Difference(first[0], name, value, colours)


def _tables(raster: rasterio.DatasetReader, *above: str) -> Iterator[tuple[str, dict[int, Colour]]]:
    """Yield name and colour table of each file behind a VRT with a palette, however deep, that shows its own values."""
    if raster.driver != "VRT" or raster.colorinterp[0] != ColorInterp.palette or raster.name in above:
        return
    if any(element in raster.tags(ns="xml:VRT")["xml:VRT"] for element in _OWN):
        return
    for name in files_behind(raster):
        with suppress(RasterioError), without_sidecars(name), open_allowed(name) as shown:  # a read says why
            if shown.driver == "VRT":
                yield from _tables(shown, raster.name, *above)
            elif shown.colorinterp[0] == ColorInterp.palette:
                yield name, colormap_of(shown, 1)
