"""Plan commercial parcels: halls with car parks."""

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from .boxes import Boxes, Floats, boxes, clear_of, concatenate, first_of_overlapping
from .land_use import Parcel


def plan_commerce(
    rng: np.random.Generator, parcels: list[Parcel], blocked: shapely.STRtree, houses: Boxes
) -> tuple[Boxes, Boxes]:
    """Return halls on commercial parcels, clear of houses and obstacles, and the cars parked around them."""
    halls, cars = [], []
    built = shapely.STRtree(houses.polygons(2.0))
    for parcel in parcels:
        if parcel.use != "commercial":
            continue
        yard = parcel.area.buffer(-10.0)
        if yard.is_empty:
            continue
        corners = shapely.get_coordinates(shapely.oriented_envelope(yard))
        side = corners[1] - corners[0]
        axis = side / max(float(np.hypot(*side)), 1e-9)
        left, top, right, bottom = yard.bounds
        tries = 60
        centre = np.stack([rng.uniform(left, right, tries), rng.uniform(top, bottom, tries)], axis=1)
        half_length, half_width = rng.uniform(9.0, 38.0, tries), rng.uniform(7.0, 22.0, tries)
        flip = rng.random(tries) < 0.5
        placed = boxes(
            centre,
            np.repeat(axis[None], tries, axis=0),
            np.where(flip, half_width, half_length),
            np.where(flip, half_length, half_width),
        )
        placed = placed[np.argsort(-(placed.half[:, 0] * placed.half[:, 1]))]
        placed = placed[shapely.contains(yard, placed.polygons()) & clear_of(blocked, placed) & clear_of(built, placed)]
        placed = placed[first_of_overlapping(placed.polygons(4.0))]
        halls.append(placed)
        cars.append(_car_park(rng, yard, axis, placed))
    return concatenate(halls), concatenate(cars)


def _car_park(rng: np.random.Generator, yard: BaseGeometry, axis: Floats, halls: Boxes) -> Boxes:
    """Return cars in double rows with lanes between, clear of halls."""
    normal = np.array([-axis[1], axis[0]])
    reach = float(np.hypot(yard.bounds[2] - yard.bounds[0], yard.bounds[3] - yard.bounds[1])) / 2
    bays = np.arange(-reach, reach, 2.6)
    rows = np.arange(-reach, reach, 17.0)
    rows = np.sort(np.concatenate([rows, rows + 5.2]))
    where = np.stack(np.meshgrid(bays, rows), axis=-1).reshape(-1, 2)
    where = where[rng.random(len(where)) < rng.uniform(0.02, 0.35)]
    middle = np.array(yard.centroid.coords)[0]
    centre = middle + where[:, :1] * axis + where[:, 1:] * normal
    cars = boxes(centre, np.repeat(normal[None], len(centre), axis=0), rng.uniform(2.0, 2.5, len(centre)), 0.92)
    shapely.prepare(yard)
    inside = np.asarray(shapely.contains_xy(yard, *cars.centre.T), bool)
    return cars[inside & clear_of(shapely.STRtree(halls.polygons(4.0)), cars)]
