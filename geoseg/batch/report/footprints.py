"""A map of footprints: bounds in degrees become rectangles of a drawing, with a graticule."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

Bounds = tuple[float, float, float, float]
"""West, south, east and north in degrees; west is greater than east across the antimeridian."""

_WIDTH, _HIGHEST = 1000.0, 520.0
"""Width and greatest height of a drawing."""
_LOWEST = 160.0
_MARGIN = 30.0
"""Room around the footprints, for the labels of the graticule."""
_SMALLEST = 7.0
"""Smallest side of a rectangle: a scene among distant ones can still be seen and clicked."""
_LINES = 4
"""Minimum number of meridians or parallels along a side that is long enough for them."""
_APART = 90.0
"""Minimum distance between two of them."""
_LABEL = 60.0
"""Width of a label, to the right of its meridian."""
_STEEPEST = math.cos(math.radians(80))
"""Lower limit for a degree of longitude in degrees of latitude: near a pole, a map would be too narrow."""
_POINT = 1e-6
"""Extent in degrees of a map of a single point."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """A rectangle, from its upper left corner."""

    number: int
    """Number of the scene."""
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Line:
    """A meridian at an x, or a parallel at a y."""

    place: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Map:
    """An equirectangular drawing, true to scale at its middle latitude."""

    width: float
    height: float
    footprints: tuple[Footprint, ...]
    """Large ones first, so that none hides a smaller one."""
    meridians: tuple[Line, ...]
    parallels: tuple[Line, ...]


def draw(bounds: Mapping[int, Bounds]) -> Map | None:
    """Draw the footprints of numbered scenes, cut at the widest gap between them; None if no bounds are finite."""
    finite = {number: each for number, each in bounds.items() if all(map(math.isfinite, each))}
    if not finite:
        return None
    spans = {number: (west % 360, _span(west, east)) for number, (west, _, east, _) in finite.items()}
    origin = _origin(spans.values())
    right = max((west - origin) % 360 + span for west, span in spans.values())
    south, north = min(each[1] for each in finite.values()), max(each[3] for each in finite.values())
    across = max(right, _POINT)
    down = max(north - south, _POINT)
    shrink = max(_STEEPEST, math.cos(math.radians((south + north) / 2)))
    scale = min((_WIDTH - 2 * _MARGIN) / (across * shrink), (_HIGHEST - 2 * _MARGIN) / down)
    height = max(_LOWEST, down * scale + 2 * _MARGIN)
    place = _Place(
        west=origin,
        north=north,
        left=(_WIDTH - across * shrink * scale) / 2,
        top=(height - down * scale) / 2,
        across=shrink * scale,
        down=scale,
    )
    found = [place.footprint(number, *spans[number], each[1], each[3]) for number, each in finite.items()]
    return Map(
        width=_WIDTH,
        height=height,
        footprints=tuple(sorted(found, key=lambda each: -each.width * each.height)),
        meridians=tuple(_meridians(place)),
        parallels=tuple(_parallels(place, height)),
    )


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Position of degrees in a drawing."""

    west: float
    """Longitude at `left`."""
    north: float
    """Latitude at `top`."""
    left: float
    top: float
    across: float
    """Units for a degree of longitude."""
    down: float
    """Units for a degree of latitude."""

    def footprint(self, number: int, west: float, span: float, south: float, north: float) -> Footprint:
        x = self.left + (west - self.west) % 360 * self.across
        y = self.top + (self.north - north) * self.down
        across, down = span * self.across, (north - south) * self.down
        width, height = max(across, _SMALLEST), max(down, _SMALLEST)
        return Footprint(
            number=number, x=x + (across - width) / 2, y=y + (down - height) / 2, width=width, height=height
        )


def _span(west: float, east: float) -> float:
    return min(east - west if west <= east else (east - west) % 360, 360.0)


def _origin(spans: Iterable[tuple[float, float]]) -> float:
    """Return the longitude, 0 to 360, at the eastern end of the widest gap between spans of start and width."""
    ordered = sorted(spans)
    first = ordered[0][0]
    origin, widest, reached = first, -math.inf, max(start + span for start, span in ordered) - 360
    for start, span in ordered:
        if start - reached > widest:
            origin, widest = start, start - reached
        reached = max(reached, start + span)
    return origin


def _meridians(place: _Place) -> Iterator[Line]:
    step = _step(place.across, _WIDTH)
    digits = _digits(step)
    degrees = (_WIDTH - _LABEL - place.left) / place.across
    first = math.ceil((place.west - place.left / place.across) / step)
    for number in range(first, math.floor((place.west + degrees) / step) + 1):
        lon = round((number * step + 180) % 360 - 180, 9)
        side = "" if lon in (0, -180) else "E" if lon > 0 else "W"
        x = place.left + (number * step - place.west) * place.across
        yield Line(place=x, label=f"{abs(lon):.{digits}f}°{side}")


def _parallels(place: _Place, height: float) -> Iterator[Line]:
    step = _step(place.down, height)
    digits = _digits(step)
    south = max(-90.0, place.north - (height - place.top) / place.down)
    north = min(90.0, place.north + place.top / place.down)
    for number in range(math.ceil(south / step), math.floor(north / step) + 1):
        lat = round(number * step, 9)
        side = "" if lat == 0 else "N" if lat > 0 else "S"
        yield Line(place=place.top + (place.north - lat) * place.down, label=f"{abs(lat):.{digits}f}°{side}")


def _step(unit: float, length: float) -> float:
    """Return the degrees between lines, 1, 2 or 5 times a power of ten; `unit` is the length of a degree."""
    least = max(length / unit / (2 * _LINES), _APART / unit)
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _digits(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))
