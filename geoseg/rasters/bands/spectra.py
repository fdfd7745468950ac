"""Name the part of the spectrum that a band shows, by the words, wavelength or sensor's number that describes it."""

import re
from collections.abc import Mapping, Sequence

from .sensors import LANDSAT_4, LANDSAT_8, SENTINEL_2, Sensor

_WORDS = {
    "alpha": r"alpha|transparency|opacity",
    "coastal": r"(coastal|deep|ultra)( ?blue)?( aerosol)?|aerosols?",
    "red edge": r"red ?edge|vre",
    "thermal": r"thermal( infra ?red| ?ir)?|tirs?|[lm]wir|(long|mid|medium) ?wave (infra ?red|ir)|far (infra ?red|ir)",
    "swir": r"sw ?ir|short ?wave (infra ?red|ir)|mid(dle)? (infra ?red|ir)|mir",
    "nir": r"n ?ir|near ?infra ?red|near ir|infra ?red|ir",
    "pan": r"pan(chromatic)?",
    "yellow": "yellow",
    "second green": r"green ?(i|1)",  # PlanetScope's eight bands
    "red": "red",
    "green": "green",
    "blue": "blue",
}
"""Names of bands, and the words that mean them; words matched by one name are hidden from the names after it."""
_PATTERNS = {name: re.compile(rf"\b({words}) ?\d{{0,4}}\b") for name, words in _WORDS.items()}
_INITIALS = {"r": "red", "g": "green", "b": "blue", "n": "nir"}
_WAVELENGTH = re.compile(r"(\d+(?:\.\d+)?)(?:\s*(?:-|–|to)\s*(\d+(?:\.\d+)?))?\s*(nm|nano|um|µm|μm|micro)")
_NO_UNITS = ("", "unknown")
"""Units of ENVI's wavelengths that say nothing: visible and near infrared light is below 1 in micrometres, and
hundreds in nanometres."""
_FRACTION, _HUNDREDS = re.compile(r"0\.[3-9]\d*"), re.compile(r"[3-9]\d\d(\.\d+)?")
_LIMITS_UM = {
    0.4: "coastal", 0.45: "blue", 0.515: "green", 0.585: "yellow", 0.625: "red", 0.69: "red edge", 0.79: "nir",
    0.93: "water vapour", 1.2: "cirrus", 1.5: "swir", 3.0: "thermal", 15.0: None,
}  # fmt: skip
"""Shortest central wavelength of each band, in micrometres."""
_NUMBERED = re.compile(r"(?<![a-z0-9])(?<!refl_)(?<!st[ _-])b(and)?[ _-]?(0?)(1[0-2]|[1-9])(a?)(?![a-z0-9])")
"""Not those of MODIS (`sur_refl_b01`), which count otherwise, nor of temperatures."""
_TEMPERATURE = re.compile(r"(?<![a-z0-9])st[ _-]b(6|10)(?![a-z0-9])")
_OF_SENTINEL_2 = {"8", "8a", "12"}
_OF_LANDSAT = re.compile(r"(?<![a-z0-9])(sr|toa)[ _-]b")
_REFLECTANCE_6 = re.compile(r"(?<![a-z0-9])sr[ _-]b6(?![a-z0-9])")
"""Thermal in Landsat 4 to 7, and so not a reflectance."""


def name_spectra(
    texts: Sequence[str], tags: Sequence[Mapping[str, str]], sensor: Sensor | None = None
) -> list[str | None]:
    """Name what each band of a raster shows, by its description and tags: red, green, blue, nir …; None if unknown.

    Words come first, then wavelengths, then the band numbers of the sensor, if it is known; else those of Sentinel-2,
    Landsat 8 and Landsat 9.
    """
    return [
        described or numbered
        for described, numbered in zip(_describe(texts, tags), _name_by_number(texts, sensor), strict=True)
    ]


def named_by_number(
    texts: Sequence[str], tags: Sequence[Mapping[str, str]], sensor: Sensor | None = None
) -> list[bool]:
    """Whether each band is named by a number alone, which other sensors may give to another band."""
    if sensor or _deduce(texts) or _is_padded(texts) or not _OF_SENTINEL_2.isdisjoint(_numbers(texts)):
        return [False] * len(texts)
    return [
        described is None and numbered is not None
        for described, numbered in zip(_describe(texts, tags), _name_by_number(texts, sensor), strict=True)
    ]


def numbered_otherwise(wanted: Sequence[str], shown: Sequence[str | None]) -> list[tuple[str, str, str]]:
    """Return each wanted number whose band shows something else: its name, what the band shows, and what it means."""
    tags: list[dict[str, str]] = [{}] * len(wanted)
    aims, numbered = name_spectra(wanted, tags), named_by_number(wanted, tags)
    return [
        (name, found, aim)
        for name, found, aim, by_number in zip(wanted, shown, aims, numbered, strict=True)
        if by_number and found is not None and aim is not None and found != aim
    ]


def _describe(texts: Sequence[str], tags: Sequence[Mapping[str, str]]) -> list[str | None]:
    """Name bands by words, or else by wavelengths."""
    return [_name_by_words(text) or _name_by_wavelength(text, own) for text, own in zip(texts, tags, strict=True)]


def _name_by_words(text: str) -> str | None:
    """Name a band by the only part of the spectrum that its description mentions."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()
    words = " ".join(re.findall(r"[^\W_]+", spaced))
    if words in _INITIALS:
        return _INITIALS[words]
    found = []
    for name, pattern in _PATTERNS.items():
        words, times = pattern.subn("/", words)
        if times:
            found.append(name)
    return found[0] if len(found) == 1 else None


def _name_by_wavelength(text: str, tags: Mapping[str, str]) -> str | None:
    """Name a band by its central wavelength, in its description or in the tags of GDAL or ENVI."""
    wavelength_um = _wavelength_in(text.lower())
    own = {key.lower(): value for key, value in tags.items()}
    for key in ("central_wavelength_um", "wavelength"):
        if wavelength_um is None and key in own:
            units = own.get("wavelength_units", own.get("wavelength_unit", "")).lower()
            value = own[key].strip().lower()
            if key.endswith("um") or (units in _NO_UNITS and _FRACTION.fullmatch(value)):
                units = "um"
            elif units in _NO_UNITS and _HUNDREDS.fullmatch(value):
                units = "nm"
            wavelength_um = _wavelength_in(f"{value} {units}")
    if wavelength_um is None:
        return None
    return next((name for least, name in reversed(_LIMITS_UM.items()) if wavelength_um >= least), None)


def _wavelength_in(text: str) -> float | None:
    """Central wavelength in micrometres."""
    match = _WAVELENGTH.search(text)
    if match is None:
        return None
    first, last, unit = match.groups()
    middle = (float(first) + float(last or first)) / 2
    return middle / 1000 if unit.startswith("n") else middle


def _name_by_number(texts: Sequence[str], sensor: Sensor | None) -> list[str | None]:
    """Name bands by the numbers that a sensor gives them; all None where the numbers could merely count the bands.

    Band 1 of Landsat 7 is blue, that of later sensors is not: if the sensor is not known, only two digits (B01) tell
    that it is of Sentinel-2.
    """
    numbers, padded = _numbers(texts), _is_padded(texts)
    prefixed = any(map(_OF_LANDSAT.search, _lower(texts)))
    sensor = sensor or _deduce(texts)
    if sensor is None:
        if not padded and "1" in numbers:
            return [None] * len(texts)
        sentinel = padded or not _OF_SENTINEL_2.isdisjoint(numbers) or ("5" not in numbers and not prefixed)
        sensor = SENTINEL_2 if sentinel else LANDSAT_8
    elif not padded and not prefixed and set(numbers) == {str(number) for number in range(1, len(numbers) + 1)}:
        return [None] * len(texts)
    return [
        "thermal" if _TEMPERATURE.search(text) else None if number is None else sensor.bands.get(number)
        for text, number in zip(_lower(texts), numbers, strict=True)
    ]


def _deduce(texts: Sequence[str]) -> Sensor | None:
    """Tell Landsat 4 to 7 from 8 and 9 by which band is a temperature, or band 6 a reflectance; None if neither is."""
    temperatures = {match[1] for match in map(_TEMPERATURE.search, _lower(texts)) if match}
    if "10" in temperatures or any(map(_REFLECTANCE_6.search, _lower(texts))):
        return LANDSAT_8
    return LANDSAT_4 if "6" in temperatures else None


def _numbers(texts: Sequence[str]) -> list[str | None]:
    """Sensor's number of each band; `Band 4`, a name that any software may give, does not count."""
    found = [_NUMBERED.search(text) for text in _lower(texts)]
    numbers = [None if match is None else match[3] + match[4] for match in found]
    if _is_padded(texts) or "8a" in numbers:
        return numbers
    return [None if match is None or match[1] else number for match, number in zip(found, numbers, strict=True)]


def _is_padded(texts: Sequence[str]) -> bool:
    """Whether a number has two digits where one would do."""
    return any(match is not None and match[2] for match in map(_NUMBERED.search, _lower(texts)))


def _lower(texts: Sequence[str]) -> list[str]:
    return [text.lower() for text in texts]
