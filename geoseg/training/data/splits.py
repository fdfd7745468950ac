"""Split images, or squares of ground, into training, validation and test."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TypeVar

import numpy as np

from geoseg.errors import UsageError
from geoseg.training.recipe.recipe import DataSet, Split

from .ground_squares import Blocks, Ground, lay_squares
from .pairs import Pair

Name = TypeVar("Name")


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
