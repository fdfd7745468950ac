"""Identify the bands of a raster: by description, wavelength, colour interpretation, and the values of alpha bands."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import rasterio
from rasterio.enums import ColorInterp

from geoseg.errors import SceneError
from geoseg.sentences import counted, join_words

from .alpha_values import holds_image, is_premultiplied
from .band_sentences import advise, advise_few, are_unread, describe_unread
from .band_texts import descriptions_of
from .sensors import find_sensor
from .spectra import name_spectra, named_by_number, numbered_otherwise
from .validity import Validity

_SILENT = (ColorInterp.undefined, ColorInterp.gray, ColorInterp.palette)
"""Interpretations that do not say what a band shows."""
_COLOURS = {colour: colour.name.lower() for colour in ColorInterp if colour not in _SILENT} | {
    ColorInterp.rededge: "red edge",
    ColorInterp.mwir: "thermal",
    ColorInterp.lwir: "thermal",
    ColorInterp.tir: "thermal",
}
"""What bands show by GDAL's interpretation: as `spectra` calls it, or else GDAL, such as `cb` and `sar_c`."""
_MOST_LISTED = 12
"""Bands that a sentence lists, at most."""


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


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Bands for a model."""

    numbers: tuple[int, ...]
    """Counted from 1, in the order of the model's."""
    warnings: tuple[str, ...] = ()
    """What was assumed, each in one sentence."""


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


def find_bands(bands: Sequence[Band], wanted: Sequence[str]) -> tuple[int, ...] | None:
    """Numbers of the bands that are described or named as wanted, or are `band N`; None unless each is found once."""
    aims = name_spectra(wanted, [{}] * len(wanted))
    found = []
    for name, aim in zip(wanted, aims, strict=True):
        counted = re.fullmatch(r"band (\d{1,9})", name)
        numbers = [number for number, band in enumerate(bands, 1) if band.description.lower() == name.lower()]
        if len(numbers) != 1 and counted:
            numbers = [int(counted[1])] if 1 <= int(counted[1]) <= len(bands) else []
        elif len(numbers) != 1:
            numbers = [number for number, band in enumerate(bands, 1) if aim is not None and band.name == aim]
        found += numbers if len(numbers) == 1 else [0]
    return tuple(found) if 0 not in found and len(set(found)) == len(found) else None


def choose_bands(source: str, bands: Sequence[Band], wanted: Sequence[str]) -> Choice:
    """Choose the bands of the raster `source` that a model wants: as named, or all in their order if nothing objects.

    Raises SceneError, which lists the bands, if they are too few, or if nothing tells which are wanted.
    """
    warnings = []
    needed = f"the model needs {len(wanted)} ({', '.join(wanted)})"
    found = find_bands(bands, wanted)
    if found is None:
        found = image_bands(bands)
        if len(found) < len(wanted):
            raise SceneError(f"{source} has {_list(bands)}; {needed}. {advise_few(found, wanted)}")
        if len(found) > len(wanted) or not _fits(found, bands, wanted):
            raise SceneError(f"{source} has {_list(bands)}; {needed}. {advise(found, wanted)}")
        if len(wanted) > 1:
            warnings.append(
                f"bands {_join(found)} of {source} are taken as {', '.join(wanted)}: the file does not say which is "
                "which; if they are others, choose them with `bands`."
            )
    if are_unread(texts := [bands[number - 1].description for number in found if bands[number - 1].unread]):
        warnings.append(describe_unread(source, found, wanted, texts))
    if any(bands[number - 1].contradicts for number in found):
        listed = ", ".join(f"{name} {number}" for name, number in zip(wanted, found, strict=True))
        warnings.append(
            f"the band descriptions of {source} contradict its colour interpretation; the descriptions are used "
            f"({listed}), `bands` chooses others."
        )
    if any(bands[number - 1].by_number for number in found):
        listed = ", ".join(
            f"{name} {number} ({bands[number - 1].description})" for name, number in zip(wanted, found, strict=True)
        )
        warnings.append(
            f"bands of {source} are taken by their numbers, as those of Sentinel-2, or of Landsat 8 or 9: {listed}; "
            "if they are of another sensor, such as that of Landsat 7, choose them with `bands`."
        )
    elif others := numbered_otherwise(wanted, [bands[number - 1].name for number in found]):
        warnings.append(
            f"{join_words([f'{name} is {shown}' for name, shown, _ in others])} in {source}, but "
            f"{join_words([aim for *_, aim in others])} by the numbers of Sentinel-2, or of Landsat 8 or 9; if the "
            "model means those, choose the bands with `bands`."
        )
    for number, band in enumerate(bands, 1):
        if band.colour == ColorInterp.alpha and not band.is_alpha and not band.description:
            warnings.append(
                f"band {number} of {source} is called alpha but holds an image; all pixels are predicted, with bands "
                f"{_join(found)} as {', '.join(wanted)}. If they are others, choose them with `bands`."
            )
    return Choice(numbers=found, warnings=tuple(warnings))


def refuse_negative(source: str, bands: Iterable[Band]) -> None:
    """Refuse an image whose lowest value is white, as scanners store film: GDAL reads it as a negative."""
    if any(band.white_is_zero for band in bands):
        raise SceneError(
            f"{source} stores white as 0 (MINISWHITE); invert it first (`gdal_translate -scale 0 255 255 0 IN "
            "OUT.tif`)."
        )


def refuse_palette(source: str, colours: Iterable[ColorInterp]) -> None:
    """Refuse a palette image: its values are not measurements."""
    if ColorInterp.palette in colours:
        raise SceneError(
            f"{source} is a palette image; expand it first (`gdal_translate -expand rgb`), unless it holds "
            "classes, which are not a scene."
        )


def _fits(numbers: Sequence[int], bands: Sequence[Band], wanted: Sequence[str]) -> bool:
    """Whether no name contradicts that these bands are the wanted ones in order."""
    aims = name_spectra(wanted, [{}] * len(wanted))
    names = [bands[number - 1].name for number in numbers]
    return all(None in (name, aim) or name == aim for name, aim in zip(names, aims, strict=True)) and not any(
        re.fullmatch(r"band \d+", name) for name in wanted
    )


def _list(bands: Sequence[Band]) -> str:
    """`4 bands (1 red, 2 green, 3 blue, 4 undefined)`."""
    listed = [f"{number} {band}" for number, band in enumerate(bands, 1)]
    if len(listed) > _MOST_LISTED:
        listed[_MOST_LISTED:] = ["…"]
    return f"{counted(len(bands), 'band')} ({', '.join(listed)})"


def _join(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
