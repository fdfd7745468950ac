"""Lay out streets on a smoothly warped lattice; the warp cannot fold, so they meet only at lattice points."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely

from .road import Line, Road
from .scene_styles import Style, draw
from .texture import plane_waves

Bounds = tuple[float, float, float, float]
Warp = Callable[[Line], Line]
VERTEX_STEP_M = 5.0
_SPOKES = 32
_WIDTHS_M = {
    False: ([6.0, 7.0, 8.0], [9.0, 12.0, 12.0, 14.0], 5.0),
    True: ([4.0, 5.0, 6.0], [6.0, 7.0, 9.0], 3.0),
}
"""Widths of streets, main streets and unpaved streets, by whether the layout is rural."""


@dataclass(frozen=True, kw_only=True)
class _Street:
    """One lattice line."""

    width_m: float
    surface: str
    chance: float
    """Probability of each link."""


@dataclass(frozen=True, kw_only=True)
class _Town:
    """Street types of a scene, and their distribution."""

    side: _Street
    main: _Street
    track: _Street
    unpaved: float
    """Share of tracks."""
    main_every: int
    """Number of lattice lines between main streets."""
    main_first: tuple[int, int]
    """First main street of rows and of columns."""

    def street(self, rng: np.random.Generator, number: int, direction: int) -> _Street:
        """Choose the street of a lattice line; rows are direction 0, columns 1."""
        if number % self.main_every == self.main_first[direction]:
            return self.main
        return self.track if rng.random() < self.unpaved else self.side


def draw_warp(rng: np.random.Generator, *, straight: bool) -> Warp:
    """Draw a smooth displacement with a gradient below one, which does not fold lines."""
    gradient = 0.08 if straight else rng.uniform(0.45, 0.85)
    waves = 4
    wavelength = rng.uniform(220.0, 800.0, waves)
    share = rng.dirichlet(np.ones(waves)) * gradient
    heading, push = rng.uniform(0.0, 2.0 * np.pi, (2, waves))
    phase = rng.uniform(0.0, 2.0 * np.pi, waves)
    amplitude = share * wavelength / (2.0 * np.pi)

    def bend(points: Line) -> Line:
        swing = amplitude * plane_waves(points, heading, wavelength, phase)
        shift = [(swing * np.cos(push)).sum(axis=1), (swing * np.sin(push)).sum(axis=1)]
        return np.asarray(points + np.stack(shift, axis=1))

    return bend


def draw_streets(rng: np.random.Generator, style: Style, bounds: Bounds) -> list[Road]:
    """Draw noded streets within bounds (left, top, right, bottom) in metres, before water and motorways."""
    left, top, right, bottom = bounds
    layout = style.layouts[int(rng.integers(len(style.layouts)))]
    spacing = draw(rng, style.block_m)
    centre = np.array([rng.uniform(left, right), rng.uniform(top, bottom)])
    reach = np.hypot(right - left, bottom - top) + 150.0
    town = _draw_town(rng, style, rural=layout == "rural")
    warp = draw_warp(rng, straight=layout == "grid" and rng.random() < 0.7)
    if layout == "rings":
        place = _polar(rng, centre)
        corners, kinds = _ring_links(rng, town, int(reach / spacing) + 2, spacing)
    else:
        place = _rotated(rng, centre)
        corners, kinds = _grid_links(rng, town, reach, spacing, rng.uniform(1.0, 2.2))
    ends = warp(place(corners.reshape(-1, 2))).reshape(-1, 2, 2)
    span = np.hypot(*(ends[:, 1] - ends[:, 0]).T)
    slack = span[:, None] + 60.0
    low, high = np.array([left, top]) - slack, np.array([right, bottom]) + slack
    near = np.all((ends.max(axis=1) > low) & (ends.min(axis=1) < high), axis=1)
    exists = near & (rng.random(len(kinds)) < [kind.chance for kind in kinds])
    window = shapely.box(left, top, right, bottom).buffer(30.0)
    roads = []
    for link in np.flatnonzero(exists):
        count = max(5 if layout == "rings" else 2, int(span[link] / VERTEX_STEP_M) + 1)
        share = np.linspace(0.0, 1.0, count)[:, None]
        begin, end = corners[link]
        # rounded, so that links have exactly the same coordinates at a lattice point
        line = np.round(warp(place(begin + share * (end - begin))), 4)
        if window.intersects(shapely.LineString(line)):
            roads.append(Road(line=line, width_m=kinds[link].width_m, surface=kinds[link].surface))
    return roads


def _draw_town(rng: np.random.Generator, style: Style, *, rural: bool) -> _Town:
    connected = draw(rng, style.connected)
    side, main, track_m = _WIDTHS_M[rural]
    main_every = int(rng.integers(3, 6))
    loose = "sand" if style.climate == "arid" and rng.random() < 0.5 else "gravel"
    return _Town(
        side=_Street(width_m=float(rng.choice(side)), surface=_street_surface(rng, style), chance=connected),
        main=_Street(width_m=float(rng.choice(main)), surface=_street_surface(rng, style), chance=0.97),
        track=_Street(width_m=track_m, surface=loose, chance=connected),
        unpaved=draw(rng, style.unpaved),
        main_every=main_every,
        main_first=(int(rng.integers(main_every)), int(rng.integers(main_every))),
    )


def _grid_links(
    rng: np.random.Generator, town: _Town, reach: float, spacing: float, ratio: float
) -> tuple[Line, list[_Street]]:
    """Return the links of a grid, (n, 2, 2) lattice points, and the street of each."""
    rows, columns = _uneven(rng, reach, spacing), _uneven(rng, reach, spacing * ratio)
    links, kinds = [], []
    for j, v in enumerate(rows):
        links += [[[a, v], [b, v]] for a, b in pairwise(columns)]
        kinds += [town.street(rng, j, 0)] * (len(columns) - 1)
    for i, u in enumerate(columns):
        links += [[[u, a], [u, b]] for a, b in pairwise(rows)]
        kinds += [town.street(rng, i, 1)] * (len(rows) - 1)
    return np.array(links), kinds


def _ring_links(rng: np.random.Generator, town: _Town, rings: int, spacing: float) -> tuple[Line, list[_Street]]:
    """Return the links of rings and spokes, (n, 2, 2) turns and radii, and the street of each."""
    radii, turns = np.arange(1, rings + 1) * spacing, np.linspace(0.0, 1.0, _SPOKES + 1)
    links, kinds = [], []
    for j, radius in enumerate(radii):
        links += [[[a, radius], [b, radius]] for a, b in pairwise(turns)]
        kinds += [town.street(rng, j, 0)] * _SPOKES
    for i, turn in enumerate(turns[:-1]):
        kept = radii[_first_ring(i) :]
        links += [[[turn, a], [turn, b]] for a, b in pairwise(kept)]
        kinds += [town.street(rng, i, 1)] * max(0, len(kept) - 1)
    return np.array(links), kinds


def _street_surface(rng: np.random.Generator, style: Style) -> str:
    weights = [0.35, 0.4, 0.25, 0.0] if style.climate == "arid" else [0.15, 0.45, 0.3, 0.1]
    return str(rng.choice(["fresh asphalt", "asphalt", "old asphalt", "concrete"], p=weights))


def _uneven(rng: np.random.Generator, reach: float, spacing: float) -> npt.NDArray[np.float64]:
    gaps = spacing * rng.uniform(0.75, 1.3, int(2.0 * reach / spacing) + 2)
    return np.asarray(np.cumsum(gaps) - reach)


def _rotated(rng: np.random.Generator, centre: Line) -> Warp:
    angle = rng.uniform(0.0, np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return lambda points: np.asarray(centre + points[:, :1] * turn[0] + points[:, 1:] * turn[1])


def _polar(rng: np.random.Generator, centre: Line) -> Warp:
    """Place lattice points (turn, radius in metres) around a centre."""
    start = rng.uniform(0.0, 1.0)

    def place(points: Line) -> Line:
        # modulo 1, so that the ring closes to the last bit
        angle = 2.0 * np.pi * (np.mod(points[:, 0], 1.0) + start)
        return np.asarray(centre + points[:, 1:] * np.stack([np.cos(angle), np.sin(angle)], axis=1))

    return place


def _first_ring(spoke: int) -> int:
    """Return the innermost ring of a spoke; neighbouring spokes are at least half a block apart."""
    ring, every = 0, 8
    while spoke % every:
        every //= 2
        ring = 1 if ring == 0 else 2 * ring + 1
    return ring
