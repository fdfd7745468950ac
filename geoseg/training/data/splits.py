"""Split images, or squares of ground, into training and validation, and refuse leakage between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path
from typing import TypeVar

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from geoseg.errors import UsageError
from geoseg.rasters.ground import apply_affine, crs_of
from geoseg.training.recipe.recipe import DataSet, Split
from geoseg.vectors.geojson import cut_at_antimeridian, ring_in_degrees

from .ground_squares import Blocks, Ground, lay_squares
from .pairs import Pair

Name = TypeVar("Name")

EDGE_PX = 1.0
"""Pixels to shrink footprints by, so that adjacent images do not overlap."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Training, validation and test pairs of a data set; images split by blocks are for training and validation."""

    training: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    test: tuple[Pair, ...] = ()
    """Pairs kept out of the run; only their places are compared with the others."""
    levels: tuple[tuple[Pair, ...], ...] = ()
    """Training pairs at each ground sample distance to draw windows at; empty for those of `training` alone."""

    @property
    def drawn(self) -> tuple[tuple[Pair, ...], ...]:
        """Training pairs to draw windows from, at one ground sample distance each."""
        return self.levels or (self.training,)


def split(pairs: Sequence[Pair], entry: DataSet, *, seed: int, as_in: Sides | None = None) -> Sides:
    """Split the pairs of a data set, depending only on names and `seed`; UsageError for names without an image.

    `as_in` are the sides of the same images at another ground sample distance, where the same ground is held out.
    All images may be held out if another data set has some to train on: see `check_training`.
    """
    if entry.split.groups and entry.split.by != "group":
        raise UsageError(
            f"data set {entry.name} has groups, but is split by {entry.split.by}; "
            "set by = 'group' in its split, or remove the groups."
        )
    if entry.split.by != "block" and entry.split.block_m != Split().block_m:
        raise UsageError(
            f"data set {entry.name} has block_m, but is split by {entry.split.by}; "
            "set by = 'block' in its split, or remove block_m."
        )
    if entry.split.by == "block":
        return _split_by_block(pairs, entry, seed, as_in)
    groups = _group(pairs, entry) if entry.split.by == "group" else {pair.name: [pair.name] for pair in pairs}
    test = _match_groups(groups, entry.split.test, entry)
    rest = {name: images for name, images in groups.items() if name not in test}
    sides = {name: 2 for group in test for name in groups[group]}
    sides |= {name: 1 for group in _choose_groups(rest, entry, seed) for name in groups[group]}
    training, validation, kept = (tuple(pair for pair in pairs if sides.get(pair.name, 0) == n) for n in range(3))
    return Sides(training=training, validation=validation, test=kept)


def check_training(sides: Sequence[Sides]) -> None:
    """Check that not all images of all data sets are held out."""
    if not any(side.training for side in sides):
        images = [pair for side in sides for pair in (*side.validation, *side.test)]
        names = ", ".join(dict.fromkeys(pair.data_set for pair in images))
        held = "the only image is" if len(images) == 1 else f"all {len(images)} images are"
        raise UsageError(f"{held} held out (data set {names}); leave some to train on.")


def _group(pairs: Sequence[Pair], entry: DataSet) -> dict[str, list[str]]:
    """Group image names; each image must be in exactly one group, and each pattern must match an image."""
    for name, patterns in entry.split.groups.items():
        if not patterns:
            raise UsageError(f"data set {entry.name}: split group {name} is empty; remove it.")
        for pattern in patterns:
            if not any(fnmatchcase(pair.name, pattern) for pair in pairs):
                raise UsageError(
                    f"data set {entry.name}: {pattern!r} of group {name} matches none of its images: "
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
    return _match_groups(groups, wanted, entry) if isinstance(wanted, list) else _draw(sorted(groups), wanted, seed)


def _match_groups(groups: dict[str, list[str]], patterns: Sequence[str], entry: DataSet) -> list[str]:
    """Choose groups by name; each pattern must match one."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in groups):
            raise UsageError(
                f"data set {entry.name} holds out {pattern!r}, which matches none of its {entry.split.by}s: "
                f"{_list_some(list(groups))}."
            )
    return [name for name in groups if _matches(name, patterns)]


def _draw(names: Sequence[Name], share: float, seed: int) -> list[Name]:
    """Draw a share of the names; of several, a share between 0 and 1 draws at least one and leaves at least one."""
    count = round(share * len(names))
    if 0 < share < 1:
        count = min(max(count, 1), len(names) - 1)
    chosen = np.random.default_rng(seed).permutation(len(names))[:count]
    return [names[number] for number in sorted(chosen)]


def _split_by_block(pairs: Sequence[Pair], entry: DataSet, seed: int, as_in: Sides | None) -> Sides:
    share = entry.split.validation
    if isinstance(share, list) or entry.split.test:
        raise UsageError(
            f"data set {entry.name} is split by block, and blocks have no names; give a share to hold out."
        )
    parts = [] if as_in is None else [pair.part for pair in (*as_in.training, *as_in.validation) if pair.part]
    grids = [pair.grid for pair in pairs if pair.grid is not None]
    given = [part.ground.squares for part in parts if part.ground.squares]
    squares = given[0] if given else lay_squares(grids, entry.split.block_m) if grids else None
    grounds = [
        Ground(
            name=pair.name,
            grid=pair.grid,
            squares=None if pair.grid is None else squares,
            side_px=_side_px(pair, entry.split.block_m),
        )
        for pair in pairs
    ]
    blocks = [ground.blocks(pair.shape) for ground, pair in zip(grounds, pairs, strict=True)]
    if as_in is None:
        held_out = frozenset(_draw(sorted(set().union(*blocks)), share, seed))
    else:  # pixels of another size may hit fewer squares, so that others would be drawn
        held_out = frozenset().union(*(part.held_out for part in parts))
    sides: dict[bool, list[Pair]] = {True: [], False: []}
    for pair, ground, own in zip(pairs, grounds, blocks, strict=True):
        for training, side in sides.items():
            if own - held_out if training else own & held_out:
                side.append(replace(pair, part=Blocks(ground=ground, held_out=held_out, training=training)))
    return Sides(training=tuple(sides[True]), validation=tuple(sides[False]))


def _side_px(pair: Pair, block_m: float) -> tuple[float, float]:
    """Height and width of a square in pixels of the grid; without georeference, the same in the file at every GSD."""
    if pair.grid is not None:
        return block_m / pair.gsd_m, block_m / pair.gsd_m
    height, width = (
        block_m / own_m * (worked / native)
        for own_m, worked, native in zip(pair.native_m, pair.shape, pair.native, strict=True)
    )
    return height, width


def refuse_overlaps(sides: Sequence[Sides]) -> None:
    """Check that training, validation and test images, in any data set, are not one file and show no common ground.

    Images with a world file but no CRS are compared within their data set, in their own unit; images without any
    georeference only by their paths.
    """
    of = {
        "training": [pair for side in sides for pair in side.training],
        "validation": [pair for side in sides for pair in side.validation],
        "test": [pair for side in sides for pair in side.test],
    }
    for one, other in combinations(of, 2):
        _refuse_files(of[one], of[other], one, other)
        for plane in dict.fromkeys(plane for pair in of[other] if (plane := _plane(pair)) is not None):
            ones, others = ([pair for pair in of[side] if _plane(pair) == plane] for side in (one, other))
            _refuse_ground(ones, others, one, other)


def _refuse_files(ones: Sequence[Pair], others: Sequence[Pair], one: str, other: str) -> None:
    """Compare the files of two sides, which are called `one` and `other`."""
    seen: dict[Path, list[Pair]] = {}
    for pair in ones:
        seen.setdefault(pair.image.resolve(), []).append(pair)
    for pair in others:
        for same in seen.get(pair.image.resolve(), ()):
            if not _are_divided(pair, same):
                raise UsageError(
                    f"{pair.image} is for {other} (data set {pair.data_set}, image {pair.name}) and for {one} (data "
                    f"set {same.data_set}, image {same.name}); use it for one of them."
                )


def _plane(pair: Pair) -> str | None:
    """Key of images with comparable footprints: empty with a CRS, the data set for world files, else None."""
    if pair.grid is not None:
        return ""
    return None if pair.plane is None else pair.data_set


def _are_divided(one: Pair, other: Pair) -> bool:
    """Whether both images are divided by the same squares, so that no ground is on both sides."""
    if one.part is None or other.part is None or one.part.ground.squares != other.part.ground.squares:
        return False
    if one.grid is None and _own_squares(one) != _own_squares(other):
        return False
    return one.part.held_out is other.part.held_out or one.part.held_out == other.part.held_out


def _own_squares(pair: Pair) -> tuple[object, ...]:
    """Identify the squares of an image without georeference."""
    assert pair.part is not None
    return pair.image.resolve(), pair.name, pair.shape, pair.part.ground.side_px


def _refuse_ground(ones: Sequence[Pair], others: Sequence[Pair], one: str, other: str) -> None:
    """Compare the footprints of images in one plane, of two sides which are called `one` and `other`."""
    tree = shapely.STRtree([_outline(pair) for pair in ones])
    for pair in others:
        for number in sorted(tree.query(_outline(pair), predicate="intersects")):
            same = ones[number]
            if _are_divided(pair, same):
                continue
            cure = "by block" if pair.grid is not None else "give them a CRS and split by block"
            raise UsageError(
                f"{same.image.name} (data set {same.data_set}, {one}) and {pair.image.name} (data set "
                f"{pair.data_set}, {other}) show the same ground; split by groups that keep them together, or {cure}."
            )


def _outline(pair: Pair) -> shapely.Geometry:
    grid = pair.plane if pair.grid is None else pair.grid
    assert grid is not None  # for all others `_plane` is None
    return footprint(grid)


def footprint(grid: GeoBox) -> shapely.Geometry:
    """Outline of an image, one pixel inside its edges: in degrees, or without a CRS in the unit of its transform.

    It is in two parts if it crosses the antimeridian.
    """
    height, width = grid.shape
    top, left = min(EDGE_PX, height / 4), min(EDGE_PX, width / 4)
    inner = shapely.box(left, top, width - left, height - top)
    corners = shapely.get_coordinates(shapely.segmentize(inner, max(width, height) / 8))
    x, y = apply_affine(grid.transform, corners[:, 0], corners[:, 1])
    if grid.crs is None:
        return shapely.Polygon(np.column_stack((x, y)))
    lon, lat = Transformer.from_crs(crs_of(grid), "EPSG:4326", always_xy=True).transform(x, y)
    outline, beyond = ring_in_degrees(lon, lat)
    return cut_at_antimeridian(outline) if beyond else outline
