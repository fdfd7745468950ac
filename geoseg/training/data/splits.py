"""Split images, or squares of ground, into training and validation, and refuse leakage between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

from geoseg.errors import UsageError
from geoseg.rasters.ground import apply_affine, crs_of
from geoseg.training.recipe.recipe import DataSet

from .ground_squares import Blocks, Ground
from .pairs import Pair

Name = TypeVar("Name")

EDGE_PX = 1.0
"""Pixels to shrink footprints by, so that adjacent images do not overlap."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Training and validation pairs of a data set; images split by blocks are on both sides."""

    training: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    levels: tuple[tuple[Pair, ...], ...] = ()
    """Training pairs at each ground sample distance to draw windows at; empty for those of `training` alone."""

    @property
    def drawn(self) -> tuple[tuple[Pair, ...], ...]:
        """Training pairs to draw windows from, at one ground sample distance each."""
        return self.levels or (self.training,)


def split(pairs: Sequence[Pair], entry: DataSet, *, gsd_m: float, seed: int) -> Sides:
    """Split the pairs of a data set, depending only on names and `seed`; UsageError for names without an image.

    All images may be held out if another data set has some to train on: see `check_training`.
    """
    if entry.split.groups and entry.split.by != "group":
        raise UsageError(
            f"data set {entry.name} has groups, but is split by {entry.split.by}; "
            "set by = 'group' in its split, or remove the groups."
        )
    if entry.split.by == "block":
        return _split_by_block(pairs, entry, gsd_m, seed)
    groups = _group(pairs, entry) if entry.split.by == "group" else {pair.name: [pair.name] for pair in pairs}
    held_out = {name for group in _choose_groups(groups, entry, seed) for name in groups[group]}
    return Sides(
        training=tuple(pair for pair in pairs if pair.name not in held_out),
        validation=tuple(pair for pair in pairs if pair.name in held_out),
    )


def check_training(sides: Sequence[Sides]) -> None:
    """Check that not all images of all data sets are held out."""
    if not any(side.training for side in sides):
        names = ", ".join(dict.fromkeys(pair.data_set for side in sides for pair in side.validation))
        count = sum(len(side.validation) for side in sides)
        raise UsageError(f"all {count} images are held out (data set {names}); leave some to train on.")


def _group(pairs: Sequence[Pair], entry: DataSet) -> dict[str, list[str]]:
    """Group image names; each image must be in exactly one group, and each pattern must match an image."""
    for name, patterns in entry.split.groups.items():
        if not patterns:
            raise UsageError(f"data set {entry.name}: split group {name} is empty; remove it.")
        for pattern in patterns:
            if not any(fnmatchcase(pair.name, pattern) for pair in pairs):
                raise UsageError(
                    f"data set {entry.name}: {pattern!r} of group {name} matches none of its {len(pairs)} images: "
                    f"{_list_some([pair.name for pair in pairs])}."
                )
    groups: dict[str, list[str]] = {name: [] for name in entry.split.groups}
    for pair in pairs:
        matching = [name for name, patterns in entry.split.groups.items() if _matches(pair.name, patterns)]
        if len(matching) != 1:
            found = f"both {matching[0]} and {matching[1]}" if matching else "none"
            raise UsageError(
                f"data set {entry.name}: image {pair.name} must be in one group of its split; it is in {found}."
            )
        groups[matching[0]].append(pair.name)
    return groups


def _list_some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + ", …" * (len(names) > 5)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _choose_groups(groups: dict[str, list[str]], entry: DataSet, seed: int) -> list[str]:
    """Choose the groups to hold out, by name or at random."""
    wanted = entry.split.validation
    if isinstance(wanted, list):
        for pattern in wanted:
            if not any(fnmatchcase(name, pattern) for name in groups):
                raise UsageError(
                    f"data set {entry.name} holds out {pattern!r}, which matches none of its {len(groups)} "
                    f"{entry.split.by}s: {_list_some(list(groups))}."
                )
        return [name for name in groups if _matches(name, wanted)]
    return _draw(sorted(groups), wanted, seed)


def _draw(names: Sequence[Name], share: float, seed: int) -> list[Name]:
    """Draw a share of the names; of several, a share between 0 and 1 draws at least one and leaves at least one."""
    count = round(share * len(names))
    if 0 < share < 1:
        count = min(max(count, 1), len(names) - 1)
    chosen = np.random.default_rng(seed).permutation(len(names))[:count]
    return [names[number] for number in sorted(chosen)]


def _split_by_block(pairs: Sequence[Pair], entry: DataSet, gsd_m: float, seed: int) -> Sides:
    share = entry.split.validation
    if isinstance(share, list):
        raise UsageError(
            f"data set {entry.name} is split by block, and blocks have no names; give a share to hold out."
        )
    grids = [pair.grid for pair in pairs if pair.grid is not None]
    crs = _projected_crs(grids[0]) if grids else None
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
    held_out = frozenset(_draw(sorted(set().union(*blocks)), share, seed))
    sides: dict[bool, list[Pair]] = {True: [], False: []}
    for pair, ground, own in zip(pairs, grounds, blocks, strict=True):
        for training, side in sides.items():
            if own - held_out if training else own & held_out:
                side.append(replace(pair, part=Blocks(ground=ground, held_out=held_out, training=training)))
    return Sides(training=tuple(sides[True]), validation=tuple(sides[False]))


def _projected_crs(grid: GeoBox) -> CRS:
    """Choose the CRS of the squares: the grid's own if projected, else its UTM zone."""
    crs = crs_of(grid)
    if crs.is_projected:
        return crs
    bounds = grid.boundingbox
    to_lonlat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform((bounds.left + bounds.right) / 2, (bounds.bottom + bounds.top) / 2)
    zones = query_utm_crs_info("WGS 84", AreaOfInterest(lon, lat, lon, lat))
    return CRS.from_epsg(int(zones[0].code))


def refuse_overlaps(sides: Sequence[Sides]) -> None:
    """Check that training and validation images, in any data set, are not one file and show no common ground.

    Images with a world file but no CRS are compared within their data set, in their own unit; images without any
    georeference only by their paths.
    """
    training = [pair for side in sides for pair in side.training]
    validation = [pair for side in sides for pair in side.validation]
    _refuse_files(training, validation)
    for plane in dict.fromkeys(plane for pair in validation if (plane := _plane(pair)) is not None):
        _refuse_ground(
            [pair for pair in training if _plane(pair) == plane], [pair for pair in validation if _plane(pair) == plane]
        )


def _refuse_files(training: Sequence[Pair], validation: Sequence[Pair]) -> None:
    trained: dict[Path, list[Pair]] = {}
    for pair in training:
        trained.setdefault(pair.image.resolve(), []).append(pair)
    for pair in validation:
        for other in trained.get(pair.image.resolve(), ()):
            if not _are_divided(pair, other):
                raise UsageError(
                    f"{pair.image} is held out (data set {pair.data_set}, image {pair.name}) and trained on (data set "
                    f"{other.data_set}, image {other.name}); hold it out of both, or of neither."
                )


def _plane(pair: Pair) -> str | None:
    """Key of images with comparable footprints: empty with a CRS, the data set for world files, else None."""
    if pair.grid is not None:
        return ""
    return None if pair.plane is None else pair.data_set


def _are_divided(one: Pair, other: Pair) -> bool:
    """Whether both images are divided by the same squares, so that no ground is on both sides."""
    same_squares = one.grid is not None or one.name == other.name
    return one.part is not None and other.part is not None and one.data_set == other.data_set and same_squares


def _refuse_ground(training: Sequence[Pair], validation: Sequence[Pair]) -> None:
    """Compare the footprints of images in one plane."""
    tree = shapely.STRtree([_outline(pair) for pair in training])
    for pair in validation:
        for number in sorted(tree.query(_outline(pair), predicate="intersects")):
            other = training[number]
            if _are_divided(pair, other):
                continue
            cure = "by block" if pair.grid is not None else "give them a CRS and split by block"
            raise UsageError(
                f"{other.image.name} (data set {other.data_set}, training) and {pair.image.name} (data set "
                f"{pair.data_set}, validation) show the same ground; split by groups that keep them together, or "
                f"{cure}."
            )


def _outline(pair: Pair) -> shapely.Polygon:
    grid = pair.plane if pair.grid is None else pair.grid
    assert grid is not None  # for all others `_plane` is None
    return footprint(grid)


def footprint(grid: GeoBox) -> shapely.Polygon:
    """Outline of an image, one pixel inside its edges: in degrees, or without a CRS in the unit of its transform."""
    height, width = grid.shape
    top, left = min(EDGE_PX, height / 4), min(EDGE_PX, width / 4)
    inner = shapely.box(left, top, width - left, height - top)
    corners = shapely.get_coordinates(shapely.segmentize(inner, max(width, height) / 8))
    x, y = apply_affine(grid.transform, corners[:, 0], corners[:, 1])
    if grid.crs is not None:
        x, y = Transformer.from_crs(crs_of(grid), "EPSG:4326", always_xy=True).transform(x, y)
    return shapely.Polygon(np.column_stack((x, y)))
