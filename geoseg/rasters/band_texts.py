"""Descriptions and tags of bands, by which `bands.name_bands` finds them again in a copy."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import rasterio
from rasterio.io import DatasetWriter


@dataclass(frozen=True, kw_only=True)
class BandTexts:
    """What a file says of a band, besides its colour, scale and offset."""

    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Without statistics, which are those of one file."""
    imagery: Mapping[str, str] = field(default_factory=dict)
    """Of GDAL's domain IMAGERY: wavelengths."""

    def write(self, raster: DatasetWriter, number: int) -> None:
        """Write all to a band, counted from 1."""
        raster.set_band_description(number, self.description)
        raster.update_tags(number, **self.tags)
        raster.update_tags(number, ns="IMAGERY", **self.imagery)


def read_texts(raster: rasterio.DatasetReader, number: int) -> BandTexts:
    """Read the texts of a band; the raster must have been opened with overviews, as GDAL gives none otherwise."""
    tags = {key: value for key, value in raster.tags(number).items() if not key.startswith("STATISTICS_")}
    return BandTexts(
        description=raster.descriptions[number - 1] or "", tags=tags, imagery=raster.tags(number, ns="IMAGERY")
    )
