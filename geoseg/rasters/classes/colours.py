"""Colours that a raster gives its class ids, in its colour table or else in its attribute table."""

from contextlib import suppress

import rasterio
from rasterio.enums import ColorInterp

from geoseg.rasters.read import colormap_of

from .labels import code_bands
from .names import attribute_table, columns_of, find_column, rows_of

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

_COLUMNS = (("6", {"red", "r"}), ("7", {"green", "g"}), ("8", {"blue", "b"}), ("9", {"alpha", "opacity"}))
"""Columns of an attribute table: GDAL's numbers of their use, and their customary names."""
_FLOATS = "1"
"""GDAL's number of a column of floats."""
_LARGEST = 255


def class_colours_of(raster: rasterio.DatasetReader) -> dict[int, Colour]:
    """Colours that a raster gives its ids: in the colour table of their band, or else in its attribute table.

    Transparent ones are left out, and black, with which tables are padded. The raster must have been opened with
    overviews: GDAL gives no attribute table otherwise.
    """
    (band,) = code_bands(raster, coloured=False)
    if raster.colorinterp[band - 1] == ColorInterp.palette:
        found = {number: colour[:3] for number, colour in colormap_of(raster, band).items() if colour[3]}
    else:
        found = _tabled(raster)
    return {number: colour for number, colour in found.items() if any(colour)}


def _tabled(raster: rasterio.DatasetReader) -> dict[int, Colour]:
    """Opaque colours of the attribute table, of 0 to 255 or, as in files of ERDAS Imagine, of 0.0 to 1.0."""
    table = attribute_table(raster)
    columns = [] if table is None else columns_of(table)
    red, green, blue, opacity = (find_column(columns, named, use) for use, named in _COLUMNS)
    if table is None or red is None or green is None or blue is None:
        return {}
    found = {}
    for number, cells in rows_of(table):
        with suppress(ValueError):  # a cell without a number
            if opacity is None or float(cells[opacity]) > 0:
                found[number] = tuple(float(cells[place]) for place in (red, green, blue))
    floats = table.findall("FieldDefn")[red].findtext("Type") == _FLOATS
    largest = max((max(colour) for colour in found.values()), default=0)
    scale = _LARGEST if floats and largest <= 1 else 1
    return {
        number: (round(colour[0] * scale), round(colour[1] * scale), round(colour[2] * scale))
        for number, colour in found.items()
        if min(colour) >= 0 and largest * scale <= _LARGEST
    }
