"""Splits: which images, or which ground, are held out, and that none of it is trained on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TypeVar

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

from geoseg.errors import UsageError
from geoseg.scene import crs_of

from .blocks import Blocks, Ground
from .pairs import Pair
from .recipe import DataSet

Name = TypeVar("Name")

EDGE_PX = 1.0
"""Footprints are this much smaller than images, so that neighbours which only touch do not overlap."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The pairs of a data set to train on, and those to validate on; an image divided by blocks is on both sides."""

    training: tuple[Pair, ...]
    validation: tuple[Pair, ...]


def split(pairs: Sequence[Pair], entry: DataSet, *, gsd_m: float, seed: int) -> Sides:
    """Divide the pairs of a data set; what is drawn depends on `seed` and the names alone.

    Raises
    ------
    UsageError
        If names or groups do not fit the images, or nothing is left to train on.
    """
    if entry.split.by == "block":
        return _by_block(pairs, entry, gsd_m, seed)
    groups = _groups(pairs, entry) if entry.split.by == "group" else {pair.name: [pair.name] for pair in pairs}
    held_out = {name for group in _held_out(groups, entry, seed) for name in groups[group]}
    sides = Sides(
        training=tuple(pair for pair in pairs if pair.name not in held_out),
        validation=tuple(pair for pair in pairs if pair.name in held_out),
    )
    if not sides.training:
        raise UsageError(f"data set {entry.name} holds out all of its {len(pairs)} images; leave some to train on.")
    return sides


def _groups(pairs: Sequence[Pair], entry: DataSet) -> dict[str, list[str]]:
    """Names of the images of each group; every image is in exactly one."""
    groups: dict[str, list[str]] = {name: [] for name in entry.split.groups}
    for pair in pairs:
        of = [name for name, patterns in entry.split.groups.items() if _matches(pair.name, patterns)]
        if len(of) != 1:
            found = f"both {of[0]} and {of[1]}" if of else "none"
            raise UsageError(
                f"data set {entry.name}: image {pair.name} must be in one group of its split, it is in {found}."
            )
        groups[of[0]].append(pair.name)
    return groups


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _held_out(groups: dict[str, list[str]], entry: DataSet, seed: int) -> list[str]:
    """Groups that are held out: those named, or a share of them by lot."""
    wanted = entry.split.validation
    if isinstance(wanted, list):
        for pattern in wanted:
            if not any(fnmatchcase(name, pattern) for name in groups):
                raise UsageError(
                    f"data set {entry.name} holds out {pattern!r}, none of its {len(groups)} {entry.split.by}s: "
                    f"{', '.join(list(groups)[:5])}{', …' * (len(groups) > 5)}."
                )
        return [name for name in groups if _matches(name, wanted)]
    return _drawn(sorted(groups), wanted, seed)


def _drawn(names: Sequence[Name], share: float, seed: int) -> list[Name]:
    """A share of the names by lot, at least one of each side where the share is neither 0 nor 1."""
    count = round(share * len(names))
    if 0 < share < 1 and len(names) > 1:
        count = min(max(count, 1), len(names) - 1)
    chosen = np.random.default_rng(seed).permutation(len(names))[:count]
    return [names[number] for number in sorted(chosen)]


def _by_block(pairs: Sequence[Pair], entry: DataSet, gsd_m: float, seed: int) -> Sides:
    share = entry.split.validation
    if isinstance(share, list):
        raise UsageError(
            f"data set {entry.name} is split by block, and blocks have no names; give a share to hold out."
        )
    placed = [pair.grid for pair in pairs if pair.grid is not None]
    crs = _metric(placed[0]) if placed else None
    grounds = [
        Ground(
            name=pair.name,
            grid=pair.grid,
            gsd_m=gsd_m,
            crs=None if pair.grid is None else crs,
            side_m=entry.split.block_m,
        )
        for pair in pairs
    ]
    blocks = [ground.blocks(pair.shape) for ground, pair in zip(grounds, pairs, strict=True)]
    held_out = frozenset(_drawn(sorted(set().union(*blocks)), share, seed))
    sides: dict[bool, list[Pair]] = {True: [], False: []}
    for pair, ground, own in zip(pairs, grounds, blocks, strict=True):
        for training, side in sides.items():
            if own - held_out if training else own & held_out:
                side.append(replace(pair, part=Blocks(ground=ground, held_out=held_out, training=training)))
    if not sides[True]:
        raise UsageError(
            f"data set {entry.name} holds out all of its blocks; make them smaller than {entry.split.block_m} m."
        )
    return Sides(training=tuple(sides[True]), validation=tuple(sides[False]))


def _metric(grid: GeoBox) -> CRS:
    """A projected CRS for the squares: the grid's own, or the UTM zone it lies in."""
    crs = crs_of(grid)
    if crs.is_projected:
        return crs
    bounds = grid.boundingbox
    to_lonlat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform((bounds.left + bounds.right) / 2, (bounds.bottom + bounds.top) / 2)
    zones = query_utm_crs_info("WGS 84", AreaOfInterest(lon, lat, lon, lat))
    return CRS.from_epsg(int(zones[0].code))


def refuse_overlaps(sides: Sequence[Sides]) -> None:
    """Check that no ground that is held out is trained on, in the same data set or in another.

    Images without a place on the ground cannot be checked.

    Raises
    ------
    UsageError
        If a training image and a validation image show the same ground.
    """
    training = [(pair, footprint(pair.grid)) for side in sides for pair in side.training if pair.grid is not None]
    validation = [(pair, footprint(pair.grid)) for side in sides for pair in side.validation if pair.grid is not None]
    tree = shapely.STRtree([shape for _, shape in training])
    for pair, shape in validation:
        for number in sorted(tree.query(shape, predicate="intersects")):
            other, _ = training[number]
            if pair.part is not None and other.part is not None and pair.data_set == other.data_set:
                continue  # the squares are told apart pixel by pixel
            raise UsageError(
                f"{other.image.name} (data set {other.data_set}, training) and {pair.image.name} (data set "
                f"{pair.data_set}, validation) show the same ground; split by groups that keep them together, or by "
                "block."
            )


def footprint(grid: GeoBox) -> shapely.Polygon:
    """Outline of an image in degrees, a pixel within its edges."""
    height, width = grid.shape
    top, left = min(EDGE_PX, height / 4), min(EDGE_PX, width / 4)
    inner = shapely.box(left, top, width - left, height - top)
    corners = shapely.get_coordinates(shapely.segmentize(inner, max(width, height) / 8))
    across, down, to = corners[:, 0], corners[:, 1], grid.transform
    x, y = to.a * across + to.b * down + to.c, to.d * across + to.e * down + to.f
    to_lonlat = Transformer.from_crs(crs_of(grid), "EPSG:4326", always_xy=True)
    return shapely.Polygon(np.column_stack(to_lonlat.transform(x, y)))
