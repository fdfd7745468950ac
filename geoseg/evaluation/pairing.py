"""Which files are compared: predictions, their probabilities, and the truth of the same name."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import UsageError
from geoseg.training.discovery import RASTERS

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
    `north_classes.png` or `north.png`. A folder that holds `_classes` rasters is known by them: what else lies there is
    no class raster.

    Raises
    ------
    UsageError
        If a path does not exist, one is a folder and the other a file, or no names match.
    """
    if not are_folders(predicted, truth):
        return [_pair(_key(predicted), predicted, truth)], []
    ours, theirs = (by_name(folder, RASTERS, CLASSES) for folder in (predicted, truth))
    names = sorted(ours.keys() & theirs.keys())
    if not names:
        raise UsageError(f"no raster in {predicted} ({_some(ours)}) has the name of one in {truth} ({_some(theirs)}).")
    left = [
        f"{len(names_left)} in {folder} without a counterpart: {_some(names_left)}."
        for folder, names_left in ((predicted, ours.keys() - theirs.keys()), (truth, theirs.keys() - ours.keys()))
        if names_left
    ]
    return [_pair(name, ours[name], theirs[name]) for name in names], left


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


def _some(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:3]) + (" …" if len(ordered) > 3 else "") or "none"
