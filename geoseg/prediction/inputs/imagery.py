"""A raster as a model reads it: some of its bands, their values, and which pixels have data."""

from dataclasses import dataclass

from geoseg.rasters.missing_data.validity import Validity
from geoseg.rasters.scene import Raster
from geoseg.rasters.values import Units, format_units, is_physical, kind_of

from .sampled_values import SampledValues


@dataclass(frozen=True, kw_only=True)
class Imagery:
    """A raster as a model reads it."""

    raster: Raster
    bands: tuple[int, ...]
    """Counted from 1, in the order of the model's."""
    validity: Validity
    """Which pixels have data."""
    sampled: SampledValues | None = None
    """Of valid pixels; None if none were read, or hardly any of those is valid."""

    @property
    def name(self) -> str:
        """Path or URL."""
        return self.raster.source

    @property
    def units(self) -> Units:
        """Declared scale and offset of the bands."""
        return tuple(self.raster.units[band - 1] for band in self.bands)

    @property
    def kind(self) -> str:
        """Kind of the values: physical, or of a data type."""
        return kind_of(self.raster.dtype, self.units)

    @property
    def values(self) -> str:
        """Declared units or data type of the values, as a predicate for messages."""
        return f"declares {format_units(self.units)}" if is_physical(self.units) else f"holds {self.kind} values"
