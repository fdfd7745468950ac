"""Types of landscape to render; each scene draws its values from their ranges."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Range = tuple[float, float]
Layout = Literal["grid", "curved", "rings", "rural"]
Climate = Literal["temperate", "arid", "mediterranean"]
WaterBody = Literal["none", "river", "lake", "sea"]


@dataclass(frozen=True, kw_only=True)
class Style:
    """Ranges and choices of a landscape; ranges are (least, greatest)."""

    climate: Climate = "temperate"
    """Palette of ground, trees and roofs."""
    layouts: tuple[Layout, ...] = ("curved",)
    """Street layouts to choose from."""
    block_m: Range = (60.0, 110.0)
    """Distance between neighbouring streets."""
    connected: Range = (0.75, 0.95)
    """Share of street links built; missing links leave dead ends and larger blocks."""
    unpaved: Range = (0.0, 0.1)
    """Share of gravel or sand streets."""
    motorway: float = 0.15
    """Probability of a dual carriageway."""
    roundabouts: Range = (0.0, 0.15)
    """Share of suitable junctions built as roundabouts."""
    built_up: Range = (0.6, 0.95)
    """Share of blocks with houses along their streets."""
    commercial: Range = (0.0, 0.08)
    """Share of blocks with large buildings and car parks."""
    frontage_m: Range = (17.0, 24.0)
    """Length of a plot along the street."""
    house_m: Range = (8.0, 15.0)
    """Side lengths of a house."""
    storeys: Range = (1.0, 2.5)
    """Storeys of houses, 3 m each."""
    flat_roofs: Range = (0.0, 0.15)
    """Share of houses."""
    pools: Range = (0.0, 0.2)
    """Share of plots with a swimming pool."""
    fields: Range = (0.0, 0.12)
    """Share of open blocks."""
    woodland: Range = (0.1, 0.5)
    """Share of open blocks."""
    plot_trees: Range = (0.5, 2.5)
    """Mean number on a plot."""
    street_trees: Range = (0.0, 0.5)
    """Share of streets planted with trees."""
    leaf_off: Range = (0.0, 0.0)
    """Share of bare deciduous trees."""
    water: tuple[WaterBody, ...] = ("none", "none", "river", "lake")
    """Water bodies to choose from."""
    relief: Range = (0.02, 0.10)
    """Strength of terrain shading."""
    sun_azimuth_deg: Range = (100.0, 260.0)
    """Clockwise from north (the top of the image)."""
    sun_elevation_deg: Range = (32.0, 62.0)
    """Above the horizon."""
    blur_px: Range = (0.3, 0.65)
    """Standard deviation of the optical blur."""
    sharpening: Range = (0.2, 1.1)
    """Strength of the vendor's unsharp mask."""
    noise: Range = (0.6, 2.2)
    """Standard deviation of sensor noise at mid-grey, in grey levels of 255."""
    haze: Range = (0.0, 0.012)
    """Reflectance added by haze in blue; less at longer wavelengths."""
    brightness: Range = (70.0, 115.0)
    """Target mean grey level of the exposure."""
    contrast: Range = (1.15, 1.7)
    """Factor of the difference from the mean."""
    saturation: Range = (0.85, 1.25)


STYLES: dict[str, Style] = {
    "suburb": Style(leaf_off=(0.0, 0.8), roundabouts=(0.0, 0.1), motorway=0.2),
    "desert_city": Style(
        climate="arid",
        layouts=("curved", "rings", "grid"),
        block_m=(55.0, 95.0),
        connected=(0.7, 0.95),
        unpaved=(0.0, 0.15),
        motorway=0.35,
        roundabouts=(0.1, 0.4),
        built_up=(0.4, 0.8),
        commercial=(0.03, 0.15),
        frontage_m=(16.0, 24.0),
        house_m=(11.0, 19.0),
        flat_roofs=(0.75, 1.0),
        pools=(0.05, 0.3),
        fields=(0.0, 0.05),
        woodland=(0.0, 0.1),
        plot_trees=(0.2, 1.5),
        water=("none", "lake", "sea", "river"),
        sun_elevation_deg=(38.0, 68.0),
        brightness=(95.0, 150.0),
        contrast=(1.0, 1.55),
    ),
    "farmland": Style(
        layouts=("rural",),
        block_m=(130.0, 300.0),
        connected=(0.65, 0.9),
        unpaved=(0.3, 0.7),
        motorway=0.12,
        roundabouts=(0.0, 0.1),
        built_up=(0.15, 0.4),
        commercial=(0.0, 0.05),
        frontage_m=(30.0, 60.0),
        house_m=(9.0, 18.0),
        fields=(0.75, 0.95),
        woodland=(0.2, 0.5),
        water=("none", "river", "river", "lake"),
    ),
    "coast": Style(
        climate="mediterranean",
        layouts=("curved", "rural", "grid"),
        block_m=(70.0, 140.0),
        built_up=(0.4, 0.8),
        flat_roofs=(0.1, 0.5),
        pools=(0.1, 0.4),
        water=("sea",),
        relief=(0.04, 0.14),
        brightness=(75.0, 120.0),
    ),
    "forest": Style(
        layouts=("rural", "curved"),
        block_m=(200.0, 420.0),
        connected=(0.4, 0.7),
        unpaved=(0.3, 0.8),
        built_up=(0.05, 0.25),
        commercial=(0.0, 0.03),
        frontage_m=(28.0, 60.0),
        fields=(0.05, 0.3),
        woodland=(0.8, 1.0),
        leaf_off=(0.0, 0.9),
        water=("none", "river", "lake"),
        relief=(0.05, 0.16),
        brightness=(55.0, 85.0),
    ),
    "dense_city": Style(
        climate="mediterranean",
        layouts=("grid", "grid", "curved"),
        block_m=(60.0, 120.0),
        connected=(0.85, 1.0),
        motorway=0.25,
        roundabouts=(0.0, 0.15),
        built_up=(0.75, 0.95),
        commercial=(0.08, 0.3),
        frontage_m=(12.0, 22.0),
        house_m=(12.0, 22.0),
        storeys=(2.0, 7.0),
        flat_roofs=(0.4, 0.9),
        pools=(0.0, 0.02),
        plot_trees=(0.1, 0.8),
        street_trees=(0.1, 0.7),
        water=("none", "none", "river"),
        relief=(0.0, 0.03),
    ),
    "desert": Style(
        climate="arid",
        layouts=("rural",),
        block_m=(160.0, 400.0),
        connected=(0.4, 0.8),
        unpaved=(0.4, 0.9),
        motorway=0.3,
        built_up=(0.05, 0.3),
        flat_roofs=(0.8, 1.0),
        house_m=(9.0, 18.0),
        fields=(0.0, 0.15),
        woodland=(0.0, 0.1),
        plot_trees=(0.0, 0.8),
        water=("none", "none", "lake", "sea"),
        relief=(0.05, 0.2),
        brightness=(95.0, 150.0),
        contrast=(1.0, 1.6),
    ),
}
"""Landscapes by name."""


def draw_style(rng: np.random.Generator) -> Style:
    """Choose one of `STYLES`."""
    names = sorted(STYLES)
    return STYLES[names[int(rng.integers(len(names)))]]


def draw(rng: np.random.Generator, limits: Range) -> float:
    """Draw a value between two limits."""
    return float(rng.uniform(*limits))
