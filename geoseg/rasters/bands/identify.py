"""Identify the bands of a raster: by description, wavelength, colour interpretation, and the values of alpha bands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import rasterio
from rasterio.enums import ColorInterp

from geoseg.errors import SceneError
from geoseg.rasters.missing_data.validity import Validity

from .alpha_values import holds_image, is_premultiplied
from .sensors import find_sensor
from .spectra import name_spectra, named_by_number
from .texts import descriptions_of

_SILENT = (ColorInterp.undefined, ColorInterp.gray, ColorInterp.palette)
"""Interpretations that do not say what a band shows."""
_COLOURS = {colour: colour.name.lower() for colour in ColorInterp if colour not in _SILENT} | {
    ColorInterp.rededge: "red edge",
    ColorInterp.mwir: "thermal",
    ColorInterp.lwir: "thermal",
    ColorInterp.tir: "thermal",
}
"""What bands show by GDAL's interpretation: as `spectra` calls it, or else GDAL, such as `cb` and `sar_c`."""


@dataclass(frozen=True, kw_only=True)
class Band:
    """One band of a raster."""

    name: str | None
    """What it shows (red, green, blue, nir, alpha …), in the words of `spectra`; None if the file does not say."""
    colour: ColorInterp
    """GDAL's colour interpretation."""
    description: str = ""
    """In the file, in one line."""
    nodata: str = ""
    """Declared value of pixels without data; empty without one."""
    by_number: bool = False
    """Whether it is known only by a number, which other sensors may give to another band."""
    unread: bool = False
    """Whether it is known only by its colour, though it has a description."""
    white_is_zero: bool = False
    """Whether the file stores a negative."""
    premultiplied: bool = False
    """Whether it is an alpha band by which the others are multiplied."""

    @property
    def is_alpha(self) -> bool:
        """Whether it holds transparency, whatever GDAL calls it."""
        return self.name == "alpha"

    @property
    def contradicts(self) -> bool:
        """Whether its description names another colour than GDAL does."""
        called = _COLOURS.get(self.colour)
        return bool(self.description) and None not in (self.name, called) and self.name != called

    def __str__(self) -> str:
        shown = self.description or self.name or self.colour.name
        return f"{shown} ({self.name})" if self.name and self.name != shown.lower() else shown


def name_bands(raster: rasterio.DatasetReader) -> tuple[Band, ...]:
    """Name the bands of a raster, which must have been opened with overviews: GDAL gives no descriptions otherwise.

    A description has priority over GDAL's colour interpretation, which may merely be that of any file with four bands
    of bytes. A band called alpha that is not described is one only if its values say so; a sample of them is read.
    """
    tags = [raster.tags(number) | raster.tags(number, ns="IMAGERY") for number in raster.indexes]
    texts = [
        " ".join((description or own.get("BANDNAME") or "").split())
        for description, own in zip(descriptions_of(raster), tags, strict=True)
    ]
    sensor = find_sensor(raster)
    described = name_spectra(texts, tags, sensor)
    called = [_COLOURS.get(colour) for colour in raster.colorinterp]
    named = [
        # A band cannot have the colour by which another band is described.
        name or (None if colour in described or (colour == "alpha" and holds_image(raster, number)) else colour)
        for number, (name, colour) in enumerate(zip(described, called, strict=True), 1)
    ]
    negative = raster.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
    missing = ("" if value is None else f"{value:g}" for value in raster.nodatavals)
    return tuple(
        Band(
            name=name,
            colour=colour,
            description="".join(filter(str.isprintable, text)),
            nodata=nodata,
            by_number=numbered and name != _COLOURS.get(colour),
            unread=bool(text) and name is not None and described[number - 1] is None,
            white_is_zero=negative,
            premultiplied=name == "alpha" and is_premultiplied(raster, number),
        )
        for number, (name, colour, text, nodata, numbered) in enumerate(
            zip(named, raster.colorinterp, texts, missing, named_by_number(texts, tags, sensor), strict=True), 1
        )
    )


def alpha_of(bands: Sequence[Band]) -> int | None:
    """Number of the band that holds transparency, from 1; None without one."""
    return next((number for number, band in enumerate(bands, 1) if band.is_alpha), None)


def validity_of(bands: Sequence[Band], *, apart: Sequence[int] = (), nodata: tuple[float, ...] = ()) -> Validity:
    """Validity of a raster by its alpha band, unless that is one of the bands `apart`, and by nodata values."""
    alpha = alpha_of(bands)
    if alpha is None or alpha in apart:
        return Validity(nodata=nodata)
    return Validity(alpha=alpha, premultiplied=bands[alpha - 1].premultiplied, nodata=nodata)


def image_bands(bands: Sequence[Band]) -> tuple[int, ...]:
    """Numbers of the bands that hold an image, from 1."""
    return tuple(number for number, band in enumerate(bands, 1) if not band.is_alpha)


def refuse_negative(source: str, bands: Iterable[Band]) -> None:
    """Refuse an image whose lowest value is white, as scanners store film: GDAL reads it as a negative."""
    if any(band.white_is_zero for band in bands):
        raise SceneError(
            f"{source} stores white as 0 (MINISWHITE); invert it first (`gdal_translate -scale 0 255 255 0 IN "
            "OUT.tif`)."
        )


def refuse_palette(source: str, bands: Iterable[Band]) -> None:
    """Refuse a palette image: its values are not measurements."""
    if any(band.colour == ColorInterp.palette for band in bands):
        raise SceneError(
            f"{source} is a palette image; expand it first (`gdal_translate -expand rgb`), unless it holds "
            "classes, which are not a scene."
        )
