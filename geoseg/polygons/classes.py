"""Names and colours of the classes of a raster."""

import colorsys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from rasterio.io import DatasetReader

from geoseg.errors import UsageError
from geoseg.messages import warn
from geoseg.rasters.classes.colours import class_colours_of
from geoseg.rasters.classes.names import class_names_of, contradictions, describe_contradiction
from geoseg.rasters.tags import legend_of

from .components import NODATA, Flags


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Names and colours by class id, where the raster has them."""

    names: Mapping[int, str]
    colours: Mapping[int, str]
    """Hexadecimal red, green, blue: `#4a4a4a`."""
    listed: int = 0
    """Number of entries of geoseg's legend; 0 without one."""

    def name(self, number: int) -> str:
        """Return the name of a class, by default its id."""
        return self.names.get(number, str(number))

    def colour(self, number: int) -> str:
        """Return the colour of a class, by default one derived from its id."""
        if number in self.colours:
            return self.colours[number]
        # Steps by the golden angle separate the hues of consecutive ids.
        red, green, blue = colorsys.hsv_to_rgb(number * 0.381966 % 1, 0.55, 0.85)
        return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"

    def select(self, wanted: Iterable[str | int]) -> Flags:
        """Flag the class ids `(65536,)` selected by name or id, which need no name; all for an empty selection."""
        chosen = np.zeros(NODATA + 1, np.bool_)
        chosen[[number for each in wanted for number in self._ids(each)] or slice(NODATA)] = True
        return chosen

    def _ids(self, wanted: str | int) -> list[int]:
        """Find the ids of all classes with a name, which may be a number, or else the class of an id."""
        if numbers := [number for number, name in self.names.items() if name == wanted]:
            return numbers
        if str(wanted).isdecimal() and int(wanted) < NODATA:
            return [int(wanted)]
        if not self.names:
            raise UsageError(f"class {wanted!r} is not an integer below {NODATA}, and the raster names no classes.")
        known = ", ".join(f"{name} ({number})" for number, name in self.names.items())
        raise UsageError(f"class {wanted!r} is not in the raster's legend: {known}.")


def classes_of(raster: DatasetReader) -> Classes:
    """Read the legend of a class raster, or the names and colours that it gives its ids.

    It must have been opened with overviews: GDAL gives no names otherwise. A GeosegWarning reports names that
    contradict the legend.
    """
    legend, named = legend_of(raster), class_names_of(raster)
    if legend is None:
        known = {number: name.strip() for number, name in sorted(named.items()) if 0 <= number < NODATA}
        colours = {number: "#{:02x}{:02x}{:02x}".format(*found) for number, found in class_colours_of(raster).items()}
        return Classes(names={number: name for number, name in known.items() if name}, colours=colours)
    names = {number: entry.name for number, entry in enumerate(legend.entries)}
    meant = {number: (name,) for number, name in names.items()}
    if found := contradictions(named, meant, names.values()):
        warn(describe_contradiction(raster.name, found))
    return Classes(
        names=names,
        colours={number: entry.colour for number, entry in enumerate(legend.entries)},
        listed=len(legend.entries),
    )
