"""Which files are compared: predictions, their probabilities, and the truth of the same name."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from geoseg.datasets.discovery import IMAGE_MARK, LABEL_MARK, OTHER_LABELS, RASTERS
from geoseg.errors import UsageError
from geoseg.vectors.formats import VECTOR_ENDINGS

CLASSES = "_classes"
"""What geoseg appends to the name of a scene for its class raster."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The rasters of one image."""

    name: str
    predicted: Path
    """Class ids."""
    truth: Path
    confidence: Path | None
    """Probability of the predicted class; None where there is no such file."""
    probabilities: Path | None
    """Probability of every class; None where there is no such file."""
    source: str
    """What to call the prediction: its path, or that of the image it was made from."""


def pair_rasters(predicted: Path, truth: Path) -> tuple[list[Pair], list[str]]:
    """Pair predictions with truths, and say which files are left over.

    Two files make a pair whatever their names; in folders names decide: `north_classes.tif` or `north.tif` goes with
    `north_classes.png` or `north.png`. What is left over is paired without what marks images and labels, as in
    training: `north_RGB_classes.tif` with `north_label.tif`. A folder that holds `_classes` rasters is known by them:
    what else lies there is no class raster.

    Raises
    ------
    UsageError
        If a path does not exist, one is a folder and the other a file, no names match, or one name stands for several.
    """
    if not are_folders(predicted, truth):
        return [_pair(_key(predicted), predicted, truth)], []
    ours, theirs = (by_name(folder, RASTERS, CLASSES) for folder in (predicted, truth))
    pairs = {name: (ours.pop(name), theirs.pop(name)) for name in sorted(ours.keys() & theirs.keys())}
    theirs = {name: path for name, path in theirs.items() if not OTHER_LABELS.search(path.stem)}
    bare_ours, bare_theirs = _bare(ours, IMAGE_MARK), _bare(theirs, LABEL_MARK)
    for name in bare_ours.keys() & bare_theirs.keys():
        for folder, keys in ((predicted, bare_ours[name]), (truth, bare_theirs[name])):
            all_keys = [*keys, name] if name in pairs else keys
            if len(all_keys) > 1:
                raise UsageError(f"{some_of(all_keys)} in {folder} have one name, {name}; keep one of them there.")
        pairs[name] = ours.pop(bare_ours[name][0]), theirs.pop(bare_theirs[name][0])
    if not pairs:
        raise UsageError(
            f"no raster in {predicted} ({some_of(ours)}) has the name of one in {truth} ({some_of(theirs)})."
        )
    left = [
        f"{len(names_left)} in {folder} without a counterpart: {some_of(names_left)}."
        for folder, names_left in ((predicted, ours), (truth, theirs))
        if names_left
    ]
    return [_pair(name, *pairs[name]) for name in sorted(pairs)], left


def _bare(names: Iterable[str], mark: re.Pattern[str]) -> dict[str, list[str]]:
    """Names by what is left of them without a mark."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(mark.sub("", name), []).append(name)
    return found


def _pair(name: str, predicted: Path, truth: Path) -> Pair:
    confidence, probabilities = (
        predicted.with_name(f"{_key(predicted)}_{kind}.tif") for kind in ("confidence", "probabilities")
    )
    return Pair(
        name=name,
        predicted=predicted,
        truth=truth,
        confidence=confidence if confidence.exists() else None,
        probabilities=probabilities if probabilities.exists() else None,
        source=str(predicted),
    )


def _key(path: Path) -> str:
    return path.stem.removesuffix(CLASSES)


def are_folders(predicted: Path, truth: Path) -> bool:
    """Whether both are folders, and not both files; raise UsageError if neither holds, or one does not exist."""
    for path in (predicted, truth):
        if not path.exists():
            raise UsageError(f"{path} does not exist.")
    if predicted.is_dir() != truth.is_dir():
        folder, file = (predicted, truth) if predicted.is_dir() else (truth, predicted)
        raise UsageError(f"{folder} is a folder and {file} is a file; give two files or two folders.")
    return predicted.is_dir()


def by_name(folder: Path, endings: Collection[str], mark: str) -> dict[str, Path]:
    """Files of a folder by the name of their scene; where some bear geoseg's mark, the others hold something else.

    Raises
    ------
    UsageError
        If two have one name.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in endings and path.name[0] != ".")
    marked = [path for path in paths if path.stem.endswith(mark)]
    found: dict[str, Path] = {}
    for path in marked or paths:
        name = path.stem.removesuffix(mark)
        if name in found:
            raise UsageError(f"{found[name]} and {path.name} have one name; keep one of them in the folder.")
        found[name] = path
    return found


def some_of(names: Iterable[str]) -> str:
    """The first of some names, for people."""
    ordered = sorted(names)
    return ", ".join(ordered[:3]) + (" …" if len(ordered) > 3 else "") or "none"


ROADS = "_roads"
"""What geoseg appends to the name of a scene for its road network."""
_ENDINGS = (*VECTOR_ENDINGS.values(), ".json", ".shp")


@dataclass(frozen=True, kw_only=True)
class RoadPair:
    """The networks of one place."""

    name: str
    predicted: Path
    truth: Path


def pair_roads(predicted: Path, truth: Path) -> tuple[list[RoadPair], list[str]]:
    """Pair predictions with truths, and say which files are left over.

    Two files make a pair whatever their names; in folders names decide: `north_roads.gpkg` or `north.gpkg` goes with
    `north_roads.geojson` or `north.geojson`.

    Raises
    ------
    UsageError
        If a path does not exist, one is a folder and the other a file, two files of a folder have one name, or no names
        match.
    """
    if not are_folders(predicted, truth):
        return [RoadPair(name=predicted.stem.removesuffix(ROADS), predicted=predicted, truth=truth)], []
    ours, theirs = (by_name(folder, _ENDINGS, ROADS) for folder in (predicted, truth))
    names = sorted(ours.keys() & theirs.keys())
    if not names:
        raise UsageError(
            f"no road file in {predicted} ({len(ours)} there) has the name of one in {truth} ({len(theirs)} there)."
        )
    left = [
        f"{folder} has {len(others)} without a counterpart, such as {min(others)}."
        for folder, others in ((predicted, ours.keys() - theirs.keys()), (truth, theirs.keys() - ours.keys()))
        if others
    ]
    return [RoadPair(name=name, predicted=ours[name], truth=theirs[name]) for name in names], left
