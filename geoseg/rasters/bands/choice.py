"""Choose the bands of a raster that a model wants."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rasterio.enums import ColorInterp

from geoseg.errors import SceneError
from geoseg.sentences import counted, join_words

from .identify import Band, image_bands
from .spectra import name_spectra, numbered_otherwise

_MOST_LISTED = 12
"""Bands that a sentence lists, at most."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Bands for a model."""

    numbers: tuple[int, ...]
    """Counted from 1, in the order of the model's."""
    warnings: tuple[str, ...] = ()
    """What was assumed, each in one sentence."""


def find_bands(bands: Sequence[Band], wanted: Sequence[str]) -> tuple[int, ...] | None:
    """Numbers of the bands that are described or named as wanted, or are `band N`; None unless each is found once."""
    aims = name_spectra(wanted, [{}] * len(wanted))
    found = []
    for name, aim in zip(wanted, aims, strict=True):
        numbered = re.fullmatch(r"band (\d{1,9})", name)
        numbers = [number for number, band in enumerate(bands, 1) if band.description.lower() == name.lower()]
        if len(numbers) != 1 and numbered:
            numbers = [int(numbered[1])] if 1 <= int(numbered[1]) <= len(bands) else []
        elif len(numbers) != 1:
            numbers = [number for number, band in enumerate(bands, 1) if aim is not None and band.name == aim]
        found += numbers if len(numbers) == 1 else [0]
    return tuple(found) if 0 not in found and len(set(found)) == len(found) else None


def choose_bands(source: str, bands: Sequence[Band], wanted: Sequence[str]) -> Choice:
    """Choose the bands of the raster `source` that a model wants: as named, or all in their order if nothing objects.

    Raises SceneError, which lists the bands, if they are too few, or if nothing tells which are wanted.
    """
    needed = f"the model needs {len(wanted)} ({', '.join(wanted)})"
    assumed = []
    found = find_bands(bands, wanted)
    if found is None:
        found = image_bands(bands)
        if len(found) < len(wanted):
            raise SceneError(f"{source} has {_list(bands)}; {needed}. {_advise_few(found, wanted)}")
        if len(found) > len(wanted) or not _fits(found, bands, wanted):
            raise SceneError(f"{source} has {_list(bands)}; {needed}. {_advise(found, wanted)}")
        if len(wanted) > 1:
            assumed.append(
                f"bands {_join(found)} of {source} are taken as {', '.join(wanted)}: the file does not say which is "
                "which; if they are others, choose them with `bands`."
            )
    return Choice(numbers=found, warnings=(*assumed, *_other_readings(source, bands, wanted, found)))


def _other_readings(source: str, bands: Sequence[Band], wanted: Sequence[str], found: Sequence[int]) -> Iterator[str]:
    """Yield a sentence about each way to read the file by which it means other bands than those `found`."""
    chosen = [bands[number - 1] for number in found]
    if _differ(texts := [band.description for band in chosen if band.unread]):
        yield (
            f"bands {_join(found)} of {source} are taken as {', '.join(wanted)} by the colours that GDAL gives them, "
            f"since geoseg does not know their descriptions ({', '.join(texts)}): if these say otherwise, choose the "
            "bands with `bands`."
        )
    if any(band.contradicts for band in chosen):
        listed = ", ".join(f"{name} {number}" for name, number in zip(wanted, found, strict=True))
        yield (
            f"the band descriptions of {source} contradict its colour interpretation; the descriptions are used "
            f"({listed}), `bands` chooses others."
        )
    if any(band.by_number for band in chosen):
        listed = ", ".join(
            f"{name} {number} ({band.description})" for name, number, band in zip(wanted, found, chosen, strict=True)
        )
        yield (
            f"bands of {source} are taken by their numbers, as those of Sentinel-2, or of Landsat 8 or 9: {listed}; "
            "if they are of another sensor, such as that of Landsat 7, choose them with `bands`."
        )
    elif others := numbered_otherwise(wanted, [band.name for band in chosen]):
        yield (
            f"{join_words([f'{name} is {shown}' for name, shown, _ in others])} in {source}, but "
            f"{join_words([aim for *_, aim in others])} by the numbers of Sentinel-2, or of Landsat 8 or 9; if the "
            "model means those, choose the bands with `bands`."
        )
    for number, band in enumerate(bands, 1):
        if band.colour == ColorInterp.alpha and not band.is_alpha and not band.description:
            yield (
                f"band {number} of {source} is called alpha but holds an image; all pixels are predicted, with bands "
                f"{_join(found)} as {', '.join(wanted)}. If they are others, choose them with `bands`."
            )


def _differ(texts: Sequence[str]) -> bool:
    """Whether descriptions of bands that are known by their colours alone differ by more than a number.

    Those of `Band 1`, `Band 2` and `Band 3` say nothing, while `Blau`, `Grün` and `Rot` may contradict the colours.
    """
    return len({re.sub(r"\d+", "", text) for text in texts}) > 1


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


def _advise(numbers: tuple[int, ...], wanted: Sequence[str]) -> str:
    """Propose bands, in the customary orders where red, green and blue are wanted."""
    first = numbers[: len(wanted)]
    if tuple(wanted) != ("red", "green", "blue"):
        return f"Choose them with `bands={first}`."
    return f"Choose them: `bands={first[::-1]}` if blue comes first, as from most satellites, else `bands={first}`."


def _advise_few(numbers: tuple[int, ...], wanted: Sequence[str]) -> str:
    """Propose to take a grey image as red, green and blue."""
    if len(numbers) != 1 or tuple(wanted) != ("red", "green", "blue"):
        return "Use a scene that has them."
    return f"Use a scene that has them, or take this one as grey, with less accuracy: `bands={numbers * 3}`."


def _join(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
