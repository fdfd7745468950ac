"""Split images, or squares of ground, into training, validation, calibration and test."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TypeVar

import numpy as np

from geoseg.errors import UsageError
from geoseg.messages import warn
from geoseg.training.recipe.recipe import DataSet, Split

from .ground_squares import Blocks, Ground, HeldOut, Side, lay_squares
from .pairs import Pair

Name = TypeVar("Name")

_MORE = {
    "image": "add images, or split by block",
    "group": "divide its images into more groups",
    "block": "reduce its block_m",
}
"""How to get more of what is held out, by its kind."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Pairs of a data set on each side of its split; an image split by blocks may be on all but the last."""

    training: tuple[Pair, ...]
    validation: tuple[Pair, ...]
    calibration: tuple[Pair, ...] = ()
    test: tuple[Pair, ...] = ()
    """Pairs kept out of the run; only their places are compared with the others."""
    levels: tuple[tuple[Pair, ...], ...] = ()
    """Training pairs at each ground sample distance to draw windows at; empty for those of `training` alone."""

    @property
    def drawn(self) -> tuple[tuple[Pair, ...], ...]:
        """Training pairs to draw windows from, at one ground sample distance each."""
        return self.levels or (self.training,)

    @property
    def named(self) -> dict[Side, tuple[Pair, ...]]:
        """Pairs of each side that has a part in the run."""
        return {"training": self.training, "validation": self.validation, "calibration": self.calibration}

    @property
    def predicted(self) -> tuple[Pair, ...]:
        """Validation and calibration pairs."""
        return (*self.validation, *self.calibration)


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
    sides = {
        name: side
        for side, chosen in _choose_groups(groups, entry, seed).items()
        for group in chosen
        for name in groups[group]
    }
    training, validation, calibration, test = (
        tuple(pair for pair in pairs if sides.get(pair.name, "training") == side)
        for side in ("training", "validation", "calibration", "test")
    )
    return Sides(training=training, validation=validation, calibration=calibration, test=test)


def check_training(sides: Sequence[Sides]) -> None:
    """Check that not all images of all data sets are held out."""
    if not any(side.training for side in sides):
        images = [pair for side in sides for pair in (*side.predicted, *side.test)]
        names = ", ".join(dict.fromkeys(pair.data_set for pair in images))
        held = "the only image is" if len(images) == 1 else f"all {len(images)} images are"
        raise UsageError(f"{held} held out (data set {names}); leave some to train on.")


def report_unused_shares(entries: Sequence[DataSet], sides: Sequence[Sides]) -> None:
    """Warn of shares that hold out nothing, since a data set has too few images, groups or blocks."""
    for entry, found in zip(entries, sides, strict=True):
        by, wanted = entry.split.by, {"validation": entry.split.validation, "calibration": entry.split.calibration}
        for side, share in _shares(wanted).items():
            if share > 0 and not getattr(found, side):
                warn(
                    f"data set {entry.name} has too few {by}s to hold out a share of {share:g} for {side}, and holds "
                    f"out none; {_MORE[by]}."
                )


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


def _choose_groups(groups: dict[str, list[str]], entry: DataSet, seed: int) -> dict[str, list[str]]:
    """Choose the groups to hold out for each purpose: by name first, then at random among the others."""
    chosen = {"test": _match_groups(groups, entry.split.test, entry)}
    left = {name: images for name, images in groups.items() if name not in chosen["test"]}
    wanted = {"validation": entry.split.validation, "calibration": entry.split.calibration}
    for side, names in wanted.items():
        if isinstance(names, list):
            _refuse_test_again(names, groups.keys() - left.keys(), left, side, entry)
            chosen[side] = _match_groups(left, names, entry)
    both = [name for name in chosen.get("validation", ()) if name in chosen.get("calibration", ())]
    if both:
        raise UsageError(
            f"data set {entry.name} holds out {both[0]} both for validation and for calibration; choose one."
        )
    taken = {name for names in chosen.values() for name in names}
    return chosen | _draw(sorted(groups.keys() - taken), _shares(wanted), seed)


def _refuse_test_again(
    patterns: Sequence[str], test: Iterable[str], left: Iterable[str], side: str, entry: DataSet
) -> None:
    """Refuse patterns of a side that match only what is held out for test."""
    for pattern in patterns:
        if not any(_matches(name, [pattern]) for name in left) and any(_matches(name, [pattern]) for name in test):
            raise UsageError(f"data set {entry.name} holds out {pattern} both for test and for {side}; choose one.")


def _shares(wanted: Mapping[str, list[str] | float]) -> dict[str, float]:
    """Leave out the sides that are given by names."""
    return {side: share for side, share in wanted.items() if not isinstance(share, list)}


def _match_groups(groups: dict[str, list[str]], patterns: Sequence[str], entry: DataSet) -> list[str]:
    """Choose groups by name; each pattern must match one."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in groups):
            raise UsageError(
                f"data set {entry.name} holds out {pattern!r}, which matches none of its {entry.split.by}s: "
                f"{_list_some(list(groups))}."
            )
    return [name for name in groups if _matches(name, patterns)]


def _draw(names: Sequence[Name], shares: Mapping[str, float], seed: int) -> dict[str, list[Name]]:
    """Draw a share of the names for each purpose, one after the other, none twice.

    Of several, a share between 0 and 1 draws at least one, and leaves at least one.
    """
    order = np.random.default_rng(seed).permutation(len(names))
    drawn = {}
    for side, share in shares.items():
        count = round(share * len(names))
        if 0 < share < 1:
            count = min(max(count, 1), len(order) - 1)
        drawn[side] = [names[number] for number in sorted(order[:count])]
        order = order[count:]
    return drawn


def _split_by_block(pairs: Sequence[Pair], entry: DataSet, seed: int, as_in: Sides | None) -> Sides:
    shares = _shares({"validation": entry.split.validation, "calibration": entry.split.calibration or 0.0})
    if len(shares) < 2 or entry.split.test:
        raise UsageError(
            f"data set {entry.name} is split by block, and blocks have no names; give a share to hold out."
        )
    parts = [] if as_in is None else [pair.part for pair in (*as_in.training, *as_in.predicted) if pair.part]
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
    if parts:  # pixels of another size may hit fewer squares, so that others would be drawn
        held_out = parts[0].held_out
    else:
        drawn = _draw(sorted(set().union(*blocks)), shares, seed)
        held_out = HeldOut(**{side: frozenset(chosen) for side, chosen in drawn.items()})

    def on(side: Side) -> tuple[Pair, ...]:
        return tuple(
            replace(pair, part=Blocks(ground=ground, held_out=held_out, side=side))
            for pair, ground, own in zip(pairs, grounds, blocks, strict=True)
            if (own - held_out.all if side == "training" else own & held_out.of(side))
        )

    return Sides(training=on("training"), validation=on("validation"), calibration=on("calibration"))


def _side_px(pair: Pair, block_m: float) -> tuple[float, float]:
    """Height and width of a square in pixels of the grid; without georeference, the same in the file at every GSD."""
    if pair.grid is not None:
        return block_m / pair.gsd_m, block_m / pair.gsd_m
    height, width = (
        block_m / own_m * (worked / native)
        for own_m, worked, native in zip(pair.native_m, pair.shape, pair.native, strict=True)
    )
    return height, width
