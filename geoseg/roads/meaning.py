"""Interpret the values of a band, with errors and warnings for values that do not fit."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from geoseg.errors import SceneError, UsageError
from geoseg.messages import warn
from geoseg.rasters.classes.values import distinct, no_such_class, unlisted

Values = npt.NDArray[np.generic]

_LOW = 0.5
"""A raster whose highest probability is lower may hold something else."""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """Classes or probabilities, and the values found."""

    name: str
    """Raster, for messages."""
    road_class: int | None
    """Class id of roads; None for probabilities."""
    listed: int
    """Number of entries of the legend that names it; 0 if the class was chosen."""
    largest: int | None
    """Largest value of the type of integers without a scale, which stands for the probability 1; None for others."""
    nodata: float | None
    colour: str | None = None
    """Colour of the band, if it is one of an image."""
    found: set[int | float] = field(default_factory=set)
    """Valid values added so far: all those of classes, or the highest of probabilities."""
    hidden: set[float] = field(default_factory=set)
    """The nodata value, if it stands for the probability 1 and pixels have it."""

    @property
    def certain(self) -> bool:
        """Whether probabilities are 0 or 1, since the raster holds classes."""
        return self.road_class is not None

    def note(self, values: Values) -> None:
        """Add the valid values of a window; SceneError for classes that are not integers."""
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
        if self.certain:
            new = distinct(values) - self.found - {self.nodata}
            if broken := [value for value in new if value != int(value)]:
                raise SceneError(
                    f"{self.name} holds {broken[0]:g}, which is not a class id; leave out `road_class`, or state the "
                    "lowest probability of a road (`threshold`)."
                )
            self.found.update(new)
        elif values.size:
            highest = max({values.max().item()} | self.found)
            self.found.clear()
            self.found.add(highest)

    def note_hidden(self, values: Values) -> None:
        """Look in all values of a window for the nodata value, if it stands for the probability 1."""
        if self.certain or self.hidden or self.nodata is None or self.nodata != self.largest:
            return
        if (values == self.nodata).any():
            self.hidden.add(self.nodata)

    def check(self, threshold: float) -> None:
        """Warn of implausible values, once all have been added; UsageError for a mask taken for probabilities."""
        if not self.found:
            warn(f"{self.name} has no data anywhere: every pixel is masked or nodata.")
        elif self.colour is not None:
            warn(
                f"{self.name} looks like an image, whose band is {self.colour}; roads are traced in class rasters and "
                "probabilities, as `geoseg predict` writes them."
            )
        elif self.road_class is not None:
            self._check_classes(self.road_class)
        elif self.largest is not None:
            self._check_integers(max(self.found), self.largest, threshold)

    def _check_classes(self, road_class: int) -> None:
        if self.listed and (others := self.found.difference(range(self.listed))):
            warn(unlisted(self.name, others, self.listed))
        if not self.listed and road_class not in self.found:
            warn(f"{no_such_class(self.name, (road_class,), self.found)}; check `road_class`.")

    def _check_integers(self, highest: float, largest: int, threshold: float) -> None:
        share = highest / largest
        if self.hidden:
            warn(
                f"{self.name} declares {largest}, which stands for a probability of 1, as its nodata value, so that "
                "such pixels are not roads: if they are, remove the declaration (`gdal_translate -a_nodata none IN "
                f"OUT.tif`); if they have no data, set a scale (`gdal_translate -a_scale {1 / (largest - 1):.6g} IN "
                "OUT.tif`)."
            )
        if highest == 1:
            raise UsageError(
                f"{self.name} holds no value above 1, where {largest} stands for a probability of 1: it is a mask; "
                "state its class id (`road_class=1`) in place of `threshold`."
            )
        if 0 < share < max(threshold, _LOW):
            warn(
                f"the highest value of {self.name}, {highest:g}, is taken for a probability of {share:.2g}, since "
                f"{largest} stands for 1: if it stands for more, set a scale for its band, or if it is a class, state "
                "that of roads (`road_class`)."
            )
