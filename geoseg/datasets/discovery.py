"""Find images, and pair them with labels by customary folder layouts."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from geoseg.errors import DataError
from geoseg.files import looking
from geoseg.sentences import has

RASTERS = frozenset({".tif", ".tiff", ".vrt", ".img", ".jp2", ".jpg", ".jpeg", ".png"})
VECTORS = frozenset({".geojson", ".json", ".gpkg", ".shp", ".fgb", ".parquet"})

_CONVENTIONS = {
    "images": ("labels", "masks", "gt"),
    "leftImg8bit": ("gtFine",),
    "2_Ortho_RGB": ("5_Labels_all",),
    "3_Ortho_IRRG": ("5_Labels_all",),
    "4_Ortho_RGBIR": ("5_Labels_all",),
    "top": ("gts_for_participants",),
}
"""Names of image folders, and of the label folders next to them, regardless of case. The three image folders of
Potsdam share their labels: the first that exists is used."""

IMAGE_MARK = re.compile("_(leftImg8bit|RGB|IRRG|RGBIR|sat|image|img)$")
"""Suffix of image names, before the ending."""
LABEL_MARK = re.compile("(_(gtFine_labelIds|label|labels|mask|gt))?(_noBoundary)?$")
"""Suffix of label names."""
_CLASSES = re.compile("_classes$")
"""Suffix of reference classes beside their image."""
OTHER_LABELS = re.compile("_(gtFine_color|gtFine_instanceIds|gtFine_labelTrainIds|gtFine_polygons)$")
"""Suffix of other forms of the same labels, which are skipped."""
_POTSDAM = re.compile(
    r"top_potsdam_(?P<tile>\d+_\d+)_(?:(?P<form>RGB|IRRG|RGBIR)|label(?:_noBoundary)?)|dsm_potsdam_.*"
)
"""Names of ISPRS Potsdam: images of a tile, its labels, and surface models."""
_WILD = re.compile(r"[*?\[]")


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


@looking()
def find_images(*places: str) -> list[Path]:
    """List the images of folders, glob patterns or files, sorted in each; DataError if one holds none."""
    found: dict[Path, None] = {}
    for place in places:
        root, paths = list_files(place)
        images = [path for path in sorted(paths) if _has_suffix(path, root, RASTERS)]
        if not images:
            raise DataError(f"{place} holds no images ({', '.join(sorted(RASTERS))}).")
        found |= dict.fromkeys(images)
    return list(found)


@looking()
def without_labels(paths: Iterable[Path]) -> list[Path]:
    """Leave out label rasters: those in a customary label folder next to an image folder, or named like another raster.

    `a_label.tif` or `a_classes.tif` belongs to `a.tif` or `a_RGB.tif` in the same folder. Of ISPRS Potsdam, whose tiles
    are known by their own names, in whatever folders they are, what remains is each tile's RGB image, or else that with
    infrared beside it; surface models go, too. DataError if there is only an image of infrared, red and green, which
    nothing in the file distinguishes from red, green and blue.
    """
    paths = list(paths)
    bare = {
        (path.parent, IMAGE_MARK.sub("", path.stem)) for path in paths if LABEL_MARK.sub("", path.stem) == path.stem
    }
    tiles: dict[str, dict[str, list[Path]]] = {}
    found = []
    for path in paths:
        potsdam = _POTSDAM.fullmatch(path.stem)
        name = _CLASSES.sub("", LABEL_MARK.sub("", path.stem))
        if potsdam is not None:
            tiles.setdefault(potsdam["tile"] or "", {}).setdefault(potsdam["form"] or "", []).append(path)
        elif OTHER_LABELS.search(path.stem) or _among_labels(path):
            continue
        elif name == path.stem or (path.parent, IMAGE_MARK.sub("", name)) not in bare:
            found.append(path)
    for forms in tiles.values():
        if images := forms.get("RGB") or forms.get("RGBIR"):
            found += images
        elif "IRRG" in forms:
            raise DataError(
                f"{forms['IRRG'][0]} shows infrared, red and green by its name; give the RGB images, or name the files "
                "themselves, with `bands`."
            )
    return sorted(found, key=paths.index)


def _among_labels(path: Path) -> bool:
    """Whether a file is in a customary label folder next to an image folder, at any depth."""
    for folder in path.parents:
        for images, siblings in _CONVENTIONS.items():
            if any(_same_name(folder.name, sibling) for sibling in siblings) and any(
                _same_name(beside.name, images) for beside in folder.parent.iterdir() if beside.is_dir()
            ):
                return True
    return False


def _find_folders(root: Path) -> list[tuple[str, str]]:
    """Find image folders at or below `root`, each with the label folder next to it."""
    if not root.exists():
        raise DataError(f"{root} does not exist.")
    if not root.is_dir():
        raise DataError(f"{root} is not a folder; give its labels, too.")
    here = [root, *sorted(path for depth in ("*", "*/*") for path in root.glob(depth) if path.is_dir())]
    found = []
    for name, siblings in _CONVENTIONS.items():
        for folder in (folder for folder in here if _same_name(folder.name, name)):
            beside = [
                path
                for sibling in siblings
                for path in sorted(folder.parent.iterdir())
                if _same_name(path.name, sibling) and path.is_dir()
            ]
            if len(beside) > 1:
                raise DataError(f"{folder} has {beside[0].name} and {beside[1].name} next to it; give the labels.")
            found += [(folder, path) for path in beside]
    if not found:
        wanted = next((" or ".join(each) for name, each in _CONVENTIONS.items() if _same_name(root.name, name)), None)
        missing = f"{wanted} next to it" if wanted else "images with labels, masks or gt next to it"
        raise DataError(f"{root} has no folder {missing}; give the labels.")
    first: dict[Path, tuple[str, str]] = {}
    for folder, labels in found:
        first.setdefault(labels, (str(folder), str(labels)))
    return list(first.values())


def _same_name(name: str, customary: str) -> bool:
    return name.casefold() == customary.casefold()


def _rename(pair: Files, root: Path) -> Files:
    """Prefix the name with the folders that distinguish it: `Tile 1/images/part.jpg` becomes `Tile 1/part`."""
    parts = [
        part
        for part in pair.image.relative_to(root).parts[:-1]
        if not any(_same_name(part, customary) for customary in _CONVENTIONS)
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
        if not _has_suffix(path, root, suffixes) or OTHER_LABELS.search(path.stem):
            continue
        key = path.relative_to(root).with_name(mark.sub("", path.stem)).as_posix()
        if key in seen:
            raise DataError(f"{seen[key]} and {path.name} have the same name; select one with a pattern.")
        seen[key] = path
        yield key, path


def _has_suffix(path: Path, root: Path, suffixes: frozenset[str]) -> bool:
    """Whether a file has one of the suffixes, and is not hidden below `root`."""
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.suffix.lower() in suffixes and not hidden


def is_pattern(place: Path) -> bool:
    """Whether a path is a glob pattern rather than the name of something."""
    return not place.exists() and _WILD.search(str(place)) is not None


def _fail(error: OSError) -> None:
    raise error


def _walk(folder: Path) -> Iterator[Path]:
    """List what a folder contains at any depth, also behind links to folders; each is entered once, links last."""
    entered = set()
    for name, folders, files in os.walk(folder, followlinks=True, onerror=_fail):
        here = Path(name)
        status = here.stat()
        if (status.st_dev, status.st_ino) in entered:  # a link to a folder that it is in, or a second one
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders.sort(key=lambda each: ((here / each).is_symlink(), each))
        yield from (here / each for each in files)


def list_files(place: str) -> tuple[Path, Iterable[Path]]:
    """List the files of a folder at any depth, of a pattern, or one file; return their common folder, too."""
    path = Path(place)
    if path.is_dir():
        return path, (file for file in _walk(path) if file.is_file())
    if path.is_file():
        return path.parent, [path]
    fixed = list(takewhile(lambda part: not _WILD.search(part), path.parts))
    root = Path(*fixed)
    pattern = "/".join(path.parts[len(fixed) :])
    if not pattern or not root.is_dir():
        raise DataError(f"{place} does not exist.")
    try:
        return root, [file for file in root.glob(pattern) if file.is_file()]
    except ValueError as error:
        raise DataError(f"{place} is not a valid pattern; `**` stands for folders, as in {root}/**/*.tif.") from error
