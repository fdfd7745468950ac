"""Which road files are compared: a prediction and the truth of the same name."""

from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import UsageError
from geoseg.settings import VECTOR_ENDINGS

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
    for path in (predicted, truth):
        if not path.exists():
            raise UsageError(f"{path} does not exist.")
    if predicted.is_dir() != truth.is_dir():
        folder, file = (predicted, truth) if predicted.is_dir() else (truth, predicted)
        raise UsageError(f"{folder} is a folder and {file} is a file; give two files or two folders.")
    if not predicted.is_dir():
        return [RoadPair(name=_key(predicted), predicted=predicted, truth=truth)], []
    ours, theirs = _files(predicted), _files(truth)
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


def _key(path: Path) -> str:
    return path.stem.removesuffix(ROADS)


def _files(folder: Path) -> dict[str, Path]:
    """Road files of a folder by name; where some are called `_roads`, the others hold something else."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS and path.name[0] != ".")
    marked = [path for path in paths if path.stem.endswith(ROADS)]
    found: dict[str, Path] = {}
    for path in marked or paths:
        if _key(path) in found:
            raise UsageError(f"{found[_key(path)]} and {path.name} have one name; keep one of them in the folder.")
        found[_key(path)] = path
    return found
