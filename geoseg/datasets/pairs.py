"""Pair images with labels: in two places, or by customary folder layouts."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from geoseg.errors import DataError
from geoseg.files import looking
from geoseg.sentences import has

from .layouts import CONVENTIONS, IMAGE_MARK, LABEL_MARK, OTHER_LABELS, same_name
from .listing import RASTERS, VECTORS, has_suffix, list_files


@dataclass(frozen=True, kw_only=True)
class Files:
    """An image and its labels."""

    name: str
    """Path of the image within its folder, without ending and image suffix."""
    image: Path
    label: Path


@looking()
def find_pairs(images: str, labels: str | None = None) -> list[Files]:
    """Pair images with labels, sorted by name; DataError if there are no images, or one has no label or several.

    `images` is a folder, glob pattern or file; `labels` likewise, or one vector file for all images. None looks for
    customary label folders next to image folders: `labels`, `masks` or `gt` for `images`, `gtFine` for `leftImg8bit`,
    `5_Labels_all` for `2_Ortho_RGB`, `gts_for_participants` for `top`.
    """
    folders = _find_folders(Path(images)) if labels is None else [(images, labels)]
    found = [pair for image_place, label_place in folders for pair in _pair(image_place, label_place)]
    if labels is None and len(folders) > 1:
        found = [_rename(pair, Path(images)) for pair in found]
    _refuse_one_name(found)
    return sorted(found, key=lambda pair: pair.name)


def _find_folders(root: Path) -> list[tuple[str, str]]:
    """Find image folders at or below `root`, each with the label folder next to it."""
    if not root.exists():
        raise DataError(f"{root} does not exist.")
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; give its labels, too.")
    here = [root, *sorted(path for depth in ("*", "*/*") for path in root.glob(depth) if path.is_dir())]
    found = []
    for name, siblings in CONVENTIONS.items():
        for folder in (folder for folder in here if same_name(folder.name, name)):
            beside = [
                path
                for sibling in siblings
                for path in sorted(folder.parent.iterdir())
                if same_name(path.name, sibling) and path.is_dir()
            ]
            if len(beside) > 1:
                raise DataError(f"{folder} has {beside[0].name} and {beside[1].name} next to it; give the labels.")
            found += [(folder, path) for path in beside]
    if not found:
        wanted = next((" or ".join(each) for name, each in CONVENTIONS.items() if same_name(root.name, name)), None)
        missing = f"{wanted} next to it" if wanted else "images with labels, masks or gt next to it"
        raise DataError(f"{root} has no folder {missing}; give the labels.")
    first: dict[Path, tuple[str, str]] = {}
    for folder, labels in found:
        first.setdefault(labels, (str(folder), str(labels)))
    return list(first.values())


def _rename(pair: Files, root: Path) -> Files:
    """Prefix the name with the folders that distinguish it: `Tile 1/images/part.jpg` becomes `Tile 1/part`."""
    parts = [
        part
        for part in pair.image.relative_to(root).parts[:-1]
        if not any(same_name(part, customary) for customary in CONVENTIONS)
    ]
    inside = pair.name.rpartition("/")[2]
    return Files(name="/".join([*parts, inside]), image=pair.image, label=pair.label)


def _refuse_one_name(pairs: Iterable[Files]) -> None:
    seen: dict[str, Path] = {}
    for pair in pairs:
        if pair.name in seen:
            raise DataError(
                f"{seen[pair.name]} and {pair.image} are both named {pair.name}; give each folder of images by itself, "
                "with its labels."
            )
        seen[pair.name] = pair.image


def _pair(images: str, labels: str) -> Iterator[Files]:
    """Pair the files of two places by name."""
    image_files = dict(_name_files(images, RASTERS, IMAGE_MARK))
    if not image_files:
        raise DataError(f"{images} holds no images ({', '.join(sorted(RASTERS))}).")
    if Path(labels).is_file() and Path(labels).suffix.lower() in VECTORS:
        for key, image in image_files.items():
            yield Files(name=key, image=image, label=Path(labels))
        return
    label_files = dict(_name_files(labels, RASTERS | VECTORS, LABEL_MARK))
    if len(image_files) == len(label_files) == 1 and Path(images).is_file():
        (key, image), label = next(iter(image_files.items())), next(iter(label_files.values()))
        yield Files(name=key, image=image, label=label)
        return
    found = {key: _find_label(key, image, label_files) for key, image in image_files.items()}
    missing = [key for key, label in found.items() if label is None]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(image_files)} images in {images} {has(len(missing))} no label in {labels}, the "
            f"first is {missing[0]}; a label must have the name of its image."
        )
    for key, match in found.items():
        assert match is not None
        yield Files(name=key, image=image_files[key], label=match)


def _find_label(key: str, image: Path, labels: Mapping[str, Path]) -> Path | None:
    """Find the label that has the whole name of an image, or else its name without the suffix, which is `key`."""
    whole = PurePosixPath(key).with_name(image.stem).as_posix()
    return labels.get(whole) or labels.get(key)


def _name_files(place: str, suffixes: frozenset[str], mark: re.Pattern[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files of a folder or pattern with the name that an image and its label share."""
    root, paths = list_files(place)
    seen: dict[str, Path] = {}
    for path in sorted(paths):
        if not has_suffix(path, root, suffixes) or OTHER_LABELS.search(path.stem):
            continue
        key = path.relative_to(root).with_name(mark.sub("", path.stem)).as_posix()
        if key in seen:
            raise DataError(f"{seen[key]} and {path.name} have the same name; select one with a pattern.")
        seen[key] = path
        yield key, path
