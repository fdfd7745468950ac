"""Descriptions and tags of bands, by which `identify.name_bands` finds them again in a copy."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import rasterio
from rasterio.io import DatasetWriter


@dataclass(frozen=True, kw_only=True)
class BandTexts:
    """A file's metadata of a band, besides colour, scale and offset."""

    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Without statistics, which hold for one file only."""
    imagery: Mapping[str, str] = field(default_factory=dict)
    """Of GDAL's domain IMAGERY: wavelengths."""

    def write(self, raster: DatasetWriter, number: int) -> None:
        """Write all to a band, counted from 1."""
        raster.set_band_description(number, self.description)
        raster.update_tags(number, **self.tags)
        raster.update_tags(number, ns="IMAGERY", **self.imagery)


def descriptions_of(raster: rasterio.DatasetReader) -> tuple[str, ...]:
    """Return the descriptions of the bands, empty for those without; all empty if one is not in UTF-8, as GDAL wants.

    The raster must have been opened with overviews, as GDAL gives none otherwise.
    """
    try:
        found: tuple[str | None, ...] = raster.descriptions
    except UnicodeDecodeError:  # of ENVI headers in another encoding, for example
        found = (None,) * raster.count
    return tuple(each or "" for each in found)


def keyword_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Leave out tags that rasterio takes for its own arguments where it writes tags."""
    return {key: value for key, value in tags.items() if key not in ("bidx", "ns")}


def read_texts(raster: rasterio.DatasetReader, number: int) -> BandTexts:
    """Read the texts of a band; the raster must have been opened with overviews, as GDAL gives none otherwise."""
    tags = {key: value for key, value in raster.tags(number).items() if not key.startswith("STATISTICS_")}
    return BandTexts(
        description=descriptions_of(raster)[number - 1],
        tags=keyword_tags(tags),
        imagery=keyword_tags(raster.tags(number, ns="IMAGERY")),
    )
