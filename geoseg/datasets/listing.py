"""List the files of folders, glob patterns and single names."""

import os
import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path

from geoseg.errors import DataError
from geoseg.files import looking

RASTERS = frozenset({".tif", ".tiff", ".vrt", ".img", ".jp2", ".jpg", ".jpeg", ".png"})
"""Endings of images and label rasters."""
VECTORS = frozenset({".geojson", ".json", ".gpkg", ".shp", ".fgb", ".parquet"})
"""Endings of label vectors."""

_WILD = re.compile(r"[*?\[]")


@looking()
def find_images(*places: str) -> list[Path]:
    """List the images of folders, glob patterns or files, sorted in each; DataError if one holds none."""
    found: dict[Path, None] = {}
    for place in places:
        root, paths = list_files(place)
        images = [path for path in sorted(paths) if has_suffix(path, root, RASTERS)]
        if not images:
            raise DataError(f"{place} holds no images ({', '.join(sorted(RASTERS))}).")
        found |= dict.fromkeys(images)
    return list(found)


def has_suffix(path: Path, root: Path, suffixes: frozenset[str]) -> bool:
    """Whether a file has one of the suffixes, and is not hidden below `root`."""
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.suffix.lower() in suffixes and not hidden


def is_pattern(place: Path) -> bool:
    """Whether a path is a glob pattern rather than the name of something."""
    return not place.exists() and _WILD.search(str(place)) is not None


def _fail(error: OSError) -> None:
    raise error


def _walk(folder: Path) -> Iterator[Path]:
    """List the files of a folder at any depth, also in linked folders; each folder is visited once, links last."""
    entered = set()
    for name, folders, files in os.walk(folder, followlinks=True, onerror=_fail):
        here = Path(name)
        status = here.stat()
        if (status.st_dev, status.st_ino) in entered:  # a link to a parent folder, or a second link
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders.sort(key=lambda each: ((here / each).is_symlink(), each))
        yield from (here / each for each in files)


def _is_listed(file: Path) -> bool:
    """Whether it is a file, or a link that leads nowhere, as to an unmounted disk: reading it fails by name."""
    return file.is_file() or (file.is_symlink() and not file.exists())


def list_files(place: str) -> tuple[Path, Iterable[Path]]:
    """List the files of a folder at any depth, of a pattern, or one file; return their common folder, too."""
    path = Path(place)
    if path.is_dir():
        return path, filter(_is_listed, _walk(path))
    if path.is_file():
        return path.parent, [path]
    fixed = list(takewhile(lambda part: not _WILD.search(part), path.parts))
    root = Path(*fixed)
    pattern = "/".join(path.parts[len(fixed) :])
    if not pattern or not root.is_dir():
        raise DataError(f"{place} does not exist.")
    try:
        return root, list(filter(_is_listed, root.glob(pattern)))
    except ValueError as error:
        raise DataError(f"{place} is not a valid pattern; `**` stands for folders, as in {root}/**/*.tif.") from error
