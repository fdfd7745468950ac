"""Sentences about the bands of a raster: which to choose, and which descriptions nothing is known of."""

import re
from collections.abc import Sequence


def advise(numbers: tuple[int, ...], wanted: Sequence[str]) -> str:
    """Propose bands, in the customary orders where red, green and blue are wanted."""
    first = numbers[: len(wanted)]
    if tuple(wanted) != ("red", "green", "blue"):
        return f"Choose them with `bands={first}`."
    return f"Choose them: `bands={first[::-1]}` if blue comes first, as from most satellites, else `bands={first}`."


def advise_few(numbers: tuple[int, ...], wanted: Sequence[str]) -> str:
    """Propose to take a grey image as red, green and blue."""
    if len(numbers) != 1 or tuple(wanted) != ("red", "green", "blue"):
        return "Use a scene that has them."
    return f"Use a scene that has them, or take this one as grey, with less accuracy: `bands={numbers * 3}`."


def are_unread(texts: Sequence[str]) -> bool:
    """Whether descriptions of bands that are known by their colours alone differ by more than a number.

    Those of `Band 1`, `Band 2` and `Band 3` say nothing, while `Blau`, `Grün` and `Rot` may contradict the colours.
    """
    return len({re.sub(r"\d+", "", text) for text in texts}) > 1


def describe_unread(source: str, numbers: Sequence[int], wanted: Sequence[str], texts: Sequence[str]) -> str:
    """Say that bands are chosen by colours although they have descriptions, which nothing is known of."""
    return (
        f"bands {', '.join(map(str, numbers))} of {source} are taken as {', '.join(wanted)} by the colours that GDAL "
        f"gives them, since geoseg does not know their descriptions ({', '.join(texts)}): if these say otherwise, "
        "choose the bands with `bands`."
    )
