"""Identify the sensor of a raster by its tags and file names: sensors number the parts of the spectrum differently."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import rasterio


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A sensor, or several that number their bands alike."""

    name: str
    bands: Mapping[str, str]
    """Part of the spectrum by number; see `spectra`."""


SENTINEL_2 = Sensor(
    name="Sentinel-2",
    bands={
        "1": "coastal", "2": "blue", "3": "green", "4": "red", "5": "red edge", "6": "red edge", "7": "red edge",
        "8": "nir", "8a": "narrow nir", "9": "water vapour", "10": "cirrus", "11": "swir", "12": "swir",
    },
)  # fmt: skip
LANDSAT_8 = Sensor(
    name="Landsat 8 or 9",
    bands={
        "1": "coastal", "2": "blue", "3": "green", "4": "red", "5": "nir", "6": "swir", "7": "swir", "8": "pan",
        "9": "cirrus", "10": "thermal", "11": "thermal",
    },
)  # fmt: skip
LANDSAT_4 = Sensor(
    name="Landsat 4 to 7",
    bands={
        "1": "blue", "2": "green", "3": "red", "4": "nir", "5": "swir", "6": "thermal", "7": "swir", "8": "pan",
    },
)  # fmt: skip
_MULTISPECTRAL = "MSS"
"""The other instrument of Landsat 1 to 5, which numbers differently: of 1 to 3 from 4 on."""
_LANDSAT_1_MSS = Sensor(name="Landsat 1 to 3", bands={"4": "green", "5": "red", "6": "nir", "7": "nir"})
_LANDSAT_4_MSS = Sensor(name="Landsat 4 or 5 MSS", bands={"1": "green", "2": "red", "3": "nir", "4": "nir"})

SENSOR_TAG = "GEOSEG_SENSOR"
"""Key of the tag that keeps the name of a sensor if the file's own name does not."""
_TAGS = (
    SENSOR_TAG,
    "SPACECRAFT_ID",
    "SATELLITEID",
    "SATELLITE",
    "SPACECRAFT_NAME",
    "PLATFORM",
    "SENSOR_ID",
    "SENSOR",
    "INSTRUMENT",
)
"""Keys of tags that name a satellite or its instrument."""
_LANDSAT = re.compile(r"landsat[ _-]?0?([1-9])(?!\d)")
_SENTINEL = re.compile(r"sentinel[ _-]?2")
_LANDSAT_FILE = re.compile(r"(?<![a-z0-9])(?:l([cotem])0([1-9])_|l([cotem])([1-9])\d{13}|hls\.(l)(30)\.)")
"""File names of the USGS since and before its Collection 1, and of the harmonised product of Landsat 8 and 9."""
_SENTINEL_FILE = re.compile(r"(?<![a-z0-9])(s2[a-d]_|hls\.s30\.|t\d\d[a-z]{3}_\d{8}t\d{6})")


def find_sensor(raster: rasterio.DatasetReader) -> Sensor | None:
    """Return the sensor that tags name, or else all file names that name one; None if none or several are named."""
    tags = {key.upper(): value for space in (None, "IMAGERY") for key, value in raster.tags(ns=space).items()}
    tagged = " ".join(tags.get(key, "") for key in _TAGS)
    return _only([_in_tags(tagged)]) or _only(map(_in_name, raster.files or [raster.name]))


def _only(found: Iterable[Sensor | None]) -> Sensor | None:
    names = {sensor.name: sensor for sensor in found if sensor is not None}
    return next(iter(names.values())) if len(names) == 1 else None


def _in_tags(text: str) -> Sensor | None:
    if match := _LANDSAT.search(text.lower()):
        return _of_landsat(int(match[1]), multispectral=_MULTISPECTRAL in text.upper())
    return SENTINEL_2 if _SENTINEL.search(text.lower()) else None


def _in_name(file: str) -> Sensor | None:
    name = file.partition("?")[0].rpartition("/")[2].lower()
    if match := _LANDSAT_FILE.search(name):
        instrument, number = (group for group in match.groups() if group is not None)
        return LANDSAT_8 if instrument == "l" else _of_landsat(int(number), multispectral=instrument == "m")
    return SENTINEL_2 if _SENTINEL_FILE.search(name) else None


def _of_landsat(number: int, *, multispectral: bool) -> Sensor:
    if number >= 8:
        return LANDSAT_8
    if number <= 3:
        return _LANDSAT_1_MSS
    return _LANDSAT_4_MSS if multispectral else LANDSAT_4
