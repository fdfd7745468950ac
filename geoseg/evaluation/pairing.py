"""Pair predictions with reference files of the same name."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from geoseg.datasets.layouts import IMAGE_MARK, LABEL_MARK, OTHER_LABELS
from geoseg.datasets.listing import RASTERS, is_pattern, list_files
from geoseg.errors import DataError, UsageError
from geoseg.files import looking
from geoseg.vectors.targets import VECTOR_ENDINGS

_CLASSES, _ROADS = "_classes", "_roads"
"""Suffixes of geoseg's class rasters and road networks."""
_CONFIDENCE, _PROBABILITIES = "_confidence", "_probabilities"
"""Suffixes of the probabilities that belong to a class raster."""
_ROAD_ENDINGS = (*VECTOR_ENDINGS.values(), ".json", ".shp")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Class rasters or road networks to compare."""

    name: str
    predicted: Path
    reference: Path
    confidence: Path | None = None
    """Probability of the predicted class; None without such a file."""
    probabilities: Path | None = None
    """Probability of every class; None without such a file."""
    source: str
    """Name of the prediction in messages: its path, or that of the predicted image."""


@looking()
def pair_rasters(predicted: Path, reference: Path) -> tuple[list[Pair], list[str]]:
    """Pair class rasters with references, and note unpaired files.

    Two files always make a pair; in folders or glob patterns names decide: `north_classes.tif` or `north.tif` matches
    `north_classes.png` or `north.png`. The rest are matched without the suffixes of images and labels, as in training:
    `north_RGB_classes.tif` with `north_label.tif`. In a folder with `_classes` rasters, other rasters are skipped.
    Missing, unmatched and ambiguous files raise DataError.
    """
    if not _are_folders(predicted, reference):
        return [_pair(_key(predicted), predicted, reference)], []
    ours, theirs = (_by_name(folder, RASTERS, _CLASSES) for folder in (predicted, reference))
    _check_any("rasters", RASTERS, {predicted: ours, reference: theirs})
    pairs = {name: (ours.pop(name), theirs.pop(name)) for name in sorted(ours.keys() & theirs.keys())}
    theirs = {name: path for name, path in theirs.items() if not OTHER_LABELS.search(path.stem)}
    bare_ours, bare_theirs = _bare(ours, IMAGE_MARK), _bare(theirs, LABEL_MARK)
    for name in bare_ours.keys() & bare_theirs.keys():
        for folder, keys in ((predicted, bare_ours[name]), (reference, bare_theirs[name])):
            all_keys = [*keys, name] if name in pairs else keys
            if len(all_keys) > 1:
                raise DataError(f"{some_of(all_keys)} in {folder} share the name {name}; keep only one of them.")
        pairs[name] = ours.pop(bare_ours[name][0]), theirs.pop(bare_theirs[name][0])
    if not pairs:
        raise DataError(
            f"no raster in {predicted} ({some_of(ours)}) matches one in {reference} ({some_of(theirs)}) by name."
        )
    layers = {f"{own}{suffix}" for own in pairs for suffix in (_CONFIDENCE, _PROBABILITIES)}
    ours = {name: path for name, path in ours.items() if name not in layers}
    left = [
        f"{len(names_left)} in {folder} without a counterpart: {some_of(names_left)}."
        for folder, names_left in ((predicted, ours), (reference, theirs))
        if names_left
    ]
    return [_pair(name, *pairs[name]) for name in sorted(pairs)], left


def _bare(names: Iterable[str], mark: re.Pattern[str]) -> dict[str, list[str]]:
    """Group names by the part without the mark."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(mark.sub("", name), []).append(name)
    return found


def _pair(name: str, predicted: Path, reference: Path) -> Pair:
    confidence, probabilities = (
        predicted.with_name(f"{_key(predicted)}{suffix}.tif") for suffix in (_CONFIDENCE, _PROBABILITIES)
    )
    return Pair(
        name=name,
        predicted=predicted,
        reference=reference,
        confidence=confidence if confidence.exists() else None,
        probabilities=probabilities if probabilities.exists() else None,
        source=str(predicted),
    )


def _key(path: Path) -> str:
    return path.stem.removesuffix(_CLASSES)


def _are_folders(predicted: Path, reference: Path) -> bool:
    """Whether both are folders or patterns; DataError if only one is, or one is missing."""
    for path in (predicted, reference):
        if str(path).startswith(("http:/", "https:/")):
            raise UsageError(f"{str(path).replace('/', '//', 1)} is a URL; only files on disk can be evaluated.")
        if not path.exists() and not is_pattern(path):
            raise DataError(f"{path} does not exist.")
    several = {path: path.is_dir() or is_pattern(path) for path in (predicted, reference)}
    if several[predicted] != several[reference]:
        folder, file = sorted(several, key=lambda path: not several[path])
        raise DataError(
            f"{folder} is a {'folder' if folder.is_dir() else 'pattern'} and {file} is a file; give two files or two "
            "folders."
        )
    return several[predicted]


def _by_name(folder: Path, endings: Collection[str], suffix: str) -> dict[str, Path]:
    """List the files of a folder or pattern by scene name; if some have geoseg's suffix, only those."""
    files = folder.iterdir() if folder.is_dir() else list_files(str(folder))[1]
    paths = sorted(path for path in files if path.suffix.lower() in endings and path.name[0] != ".")
    marked = [path for path in paths if path.stem.endswith(suffix)]
    found: dict[str, Path] = {}
    for path in marked or paths:
        name = path.stem.removesuffix(suffix)
        if name in found:
            raise DataError(f"{found[name]} and {path.name} share a name; keep only one of them.")
        found[name] = path
    return found


def some_of(names: Iterable[str]) -> str:
    """Join the first three names."""
    ordered = sorted(names)
    return ", ".join(ordered[:3]) + (" …" if len(ordered) > 3 else "") or "none"


def _check_any(what: str, endings: Collection[str], found: Mapping[Path, Mapping[str, Path]]) -> None:
    """Raise DataError for a folder or pattern in which nothing was found."""
    for folder, files in found.items():
        if not files:
            raise DataError(f"{folder} holds no {what} ({', '.join(sorted(endings))}).")


@looking()
def pair_roads(predicted: Path, reference: Path) -> tuple[list[Pair], list[str]]:
    """Pair road networks with references, and note unpaired files; errors are those of `pair_rasters`.

    Two files always make a pair; in folders or glob patterns names decide: `north_roads.gpkg` or `north.gpkg` matches
    `north_roads.geojson` or `north.geojson`.
    """
    if _are_folders(predicted, reference):
        ours, theirs = (_by_name(folder, _ROAD_ENDINGS, _ROADS) for folder in (predicted, reference))
        _check_any("road networks", _ROAD_ENDINGS, {predicted: ours, reference: theirs})
    else:
        name = predicted.stem.removesuffix(_ROADS)
        ours, theirs = {name: predicted}, {name: reference}
    names = sorted(ours.keys() & theirs.keys())
    if not names:
        raise DataError(
            f"no road file in {predicted} ({some_of(ours)}) matches one in {reference} ({some_of(theirs)}) by name."
        )
    left = [
        f"{folder} has {len(others)} without a counterpart, such as {min(others)}."
        for folder, others in ((predicted, ours.keys() - theirs.keys()), (reference, theirs.keys() - ours.keys()))
        if others
    ]
    pairs = [Pair(name=name, predicted=ours[name], reference=theirs[name], source=str(ours[name])) for name in names]
    return pairs, left
