"""Plan the land use between roads: plots, commerce, fields, woods, open ground."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from .road import Road
from .scene_styles import Climate, Style, draw
from .street_lattice import Bounds
from .texture import plane_waves

Use = Literal["plots", "commercial", "field", "orchard", "wood", "open"]


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A parcel of one land use."""

    area: BaseGeometry
    """Polygon in metres."""
    use: Use
    ground: str
    """Main ground cover, a key of `GROUND`."""
    second: str
    """Ground cover of patches."""
    patches: float
    """Extent of patches, from -1 (none) to 1 (everywhere)."""
    tone: float = 1.0
    """Brightness relative to `GROUND`."""
    roughness: float = 0.1
    """Relative amplitude of the fine texture."""
    row_spacing_m: float = 3.0
    row_heading: float = 0.0
    """Direction across the rows in radians."""
    row_strength: float = 0.0
    """Relative amplitude of crop rows."""
    tree_cover: float = 0.0
    """Share of the cells of a 5 m grid with a tree."""


_OPEN: dict[Climate, tuple[list[str], list[str]]] = {
    "temperate": (["grass", "dry_grass", "heath", "litter", "lawn"], ["soil", "dry_grass", "grass", "pale_soil"]),
    "mediterranean": (["dry_grass", "grass", "pale_soil", "heath"], ["pale_soil", "red_soil", "dry_grass", "gravel"]),
    "arid": (["sand", "grey_sand", "white_sand", "pale_soil"], ["grey_sand", "sand", "gravel", "dry_grass"]),
}
_CROPS: dict[Climate, list[str]] = {
    "temperate": [
        "maize", "beet", "wheat", "stubble", "soil", "grass", "lawn", "soil", "stubble", "dry_grass", "maize", "rape",
    ],
    "mediterranean": ["wheat", "stubble", "red_soil", "pale_soil", "maize", "dry_grass"],
    "arid": ["beet", "lawn", "pale_soil", "stubble"],
}  # fmt: skip
_YARDS: dict[Climate, tuple[list[str], list[str]]] = {
    "temperate": (["lawn", "grass", "dry_grass", "grass"], ["soil", "dry_grass", "pale_soil"]),
    "mediterranean": (["dry_grass", "grass", "pale_soil", "paving"], ["gravel", "pale_soil", "paving"]),
    "arid": (["sand", "paving", "grey_sand", "white_sand"], ["paving", "gravel", "lawn", "concrete"]),
}


def plan_land(rng: np.random.Generator, style: Style, roads: list[Road], bounds: Bounds) -> list[Parcel]:
    """Divide the scene, with bounds in metres, into parcels without gaps."""
    frame = shapely.box(*bounds).buffer(60.0, join_style="mitre")
    lines = [shapely.LineString(road.line) for road in roads]
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all([*lines, frame.boundary])]))
    built_up, commercial = draw(rng, style.built_up), draw(rng, style.commercial)
    fields, woodland = draw(rng, style.fields), draw(rng, style.woodland)
    palette = _Palette(rng, style.climate)
    parcels: list[Parcel] = []
    for face, lot, wooded in zip(faces, _clustered_ranks(rng, faces), _clustered_ranks(rng, faces), strict=True):
        large = face.area > 40_000.0
        if rng.random() < commercial and 2_500.0 < face.area < 120_000.0:
            parcels.append(palette.parcel(face, "commercial"))
        elif lot < built_up:
            inner = face.buffer(-60.0) if large and "rural" not in style.layouts else shapely.Polygon()
            if inner.area > 4_000.0:
                # houses line the streets of a large block; the interior is open
                parcels.append(palette.parcel(face.difference(inner), "plots"))
                parcels += _open_land(rng, palette, inner, fields, wooded < woodland)
            elif large:
                parcels += [replace(p, use="plots") for p in _open_land(rng, palette, face, fields, wooded < woodland)]
            else:
                parcels.append(palette.parcel(face, "plots"))
        else:
            parcels += _open_land(rng, palette, face, fields, wooded < woodland)
    return parcels


def _clustered_ranks(rng: np.random.Generator, faces: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
    """Return a number for each face, uniform between 0 and 1 and similar among neighbours."""
    centres = shapely.get_coordinates(shapely.centroid(faces))
    heading, phase = rng.uniform(0.0, 2.0 * np.pi, (2, 4))
    field = plane_waves(centres, heading, rng.uniform(250.0, 1200.0, 4), phase).sum(axis=1)
    even = (np.argsort(np.argsort(field)) + 0.5) / len(field)
    return np.asarray(0.75 * even + 0.25 * rng.random(len(faces)), float)


def _open_land(
    rng: np.random.Generator, palette: "_Palette", area: BaseGeometry, fields: float, wooded: bool
) -> list[Parcel]:
    if rng.random() < fields:
        largest = rng.uniform(4_000.0, 40_000.0)
        return [
            palette.parcel(piece, "wood" if rng.random() < (0.12 if wooded else 0.03) else "field")
            for part in shapely.get_parts(area)
            for piece in _divide(rng, part, largest)
        ]
    return [palette.parcel(area, "wood" if wooded else "open")]


def _divide(rng: np.random.Generator, area: BaseGeometry, largest: float) -> list[BaseGeometry]:
    """Halve an area across its longer side until the parts are small enough."""
    if area.area < largest * rng.uniform(0.6, 1.6):
        return [area]
    corners = shapely.get_coordinates(shapely.oriented_envelope(area))[:4]
    sides = np.diff(corners[:3], axis=0)
    long, wide = (sides[0], sides[1]) if np.hypot(*sides[0]) >= np.hypot(*sides[1]) else (sides[1], sides[0])
    start = corners.mean(axis=0) + long * rng.uniform(-0.15, 0.15)
    tilt = wide + long * rng.normal(0.0, 0.03)
    half = shapely.Polygon(
        [start - 3 * tilt, start + 3 * tilt, start + 3 * tilt + 3 * long, start - 3 * tilt + 3 * long]
    )
    return [
        piece
        for part in shapely.get_parts([area.intersection(half), area.difference(half)])
        if part.geom_type == "Polygon" and part.area > 1.0
        for piece in _divide(rng, part, largest)
    ]


class _Palette:
    """Ground covers of one scene, so that parcels of one use look alike."""

    def __init__(self, rng: np.random.Generator, climate: Climate) -> None:
        self._rng = rng
        self._climate = climate
        pick = rng.integers(0, 64, 4)
        grounds, seconds = _OPEN[climate]
        self._open = grounds[pick[0] % len(grounds)], seconds[pick[1] % len(seconds)]
        grounds, seconds = _YARDS[climate]
        self._yard = grounds[pick[2] % len(grounds)], seconds[pick[3] % len(seconds)]
        self._tone = float(rng.uniform(0.8, 1.2))
        self._scatter = float(rng.uniform(0.0, 0.12)) * (0.35 if climate == "arid" else 1.0)
        self._heading = float(rng.uniform(0.0, np.pi))
        self._leafy = float(rng.uniform(0.6, 1.0))

    def parcel(self, area: BaseGeometry, use: Use) -> Parcel:
        rng = self._rng
        tone = self._tone * float(rng.uniform(0.88, 1.12))
        if use == "commercial":
            ground = str(rng.choice(["yard_asphalt", "yard_asphalt", "concrete", "paving"]))
            return Parcel(area=area, use=use, ground=ground, second="concrete", patches=-0.8, tone=tone)
        if use == "plots":
            ground, second = self._yard
            return Parcel(
                area=area,
                use=use,
                ground=ground,
                second=second,
                patches=-0.35,
                tone=tone,
                roughness=0.13,
                tree_cover=0.3 * self._scatter,
            )
        if use == "wood":
            ground = "pale_soil" if self._climate == "arid" else str(rng.choice(["forest_floor", "litter", "litter"]))
            return Parcel(
                area=area,
                use=use,
                ground=ground,
                second="heath",
                patches=-0.4,
                tone=tone,
                roughness=0.3,
                tree_cover=self._leafy * (0.5 if self._climate == "arid" else 1.0),
            )
        if use == "field":
            return self._field(area, tone)
        ground, second = self._open
        roughness = float(rng.uniform(0.05, 0.12) if self._climate == "arid" else rng.uniform(0.1, 0.26))
        return Parcel(
            area=area,
            use="open",
            ground=ground,
            second=second,
            patches=float(rng.uniform(-0.8, 0.0)),
            tone=tone,
            tree_cover=self._scatter,
            roughness=roughness,
        )

    def _field(self, area: BaseGeometry, tone: float) -> Parcel:
        rng = self._rng
        crops = _CROPS[self._climate]
        heading = self._heading + float(rng.choice([0.0, np.pi / 2])) + float(rng.normal(0.0, 0.05))
        if rng.random() < 0.1:
            return Parcel(
                area=area,
                use="orchard",
                ground=str(rng.choice(["grass", "dry_grass", "pale_soil"])),
                second="pale_soil",
                patches=-0.5,
                tone=tone,
                row_heading=heading,
                row_spacing_m=float(rng.uniform(5.0, 8.0)),
                row_strength=0.1,
            )
        return Parcel(
            area=area,
            use="field",
            ground=str(rng.choice(crops)),
            second=str(rng.choice(["soil", "pale_soil", "grass"])),
            patches=float(rng.uniform(-1.0, -0.55)),
            tone=tone * float(rng.uniform(0.8, 1.25)),
            row_heading=heading,
            row_spacing_m=float(rng.choice([1.8, 2.5, 4.0, 6.0, 12.0])),
            row_strength=float(rng.choice([0.03, 0.07, 0.15])),
        )
