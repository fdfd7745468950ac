"""Find the scenes of a batch: in files, URLs, patterns, folders, text lists and STAC documents."""

import math
import os
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path

import rasterio

from geoseg.datasets.layouts import without_labels
from geoseg.datasets.listing import find_images, is_pattern
from geoseg.errors import DataError, SceneError
from geoseg.files import check_regular, direct, looking
from geoseg.rasters.opening.open import GDAL, on_disk, opened, unplaced
from geoseg.rasters.stac import Asset, read_assets
from geoseg.rasters.tags import model_of

_LIST = ".txt"


@looking()
def find_scenes(inputs: Iterable[str], *, asset: str | None = None) -> list[str | Asset]:
    """Return the scenes that inputs name, each once, in their order.

    An input is a raster or anything else that GDAL can open, such as a URL; a folder, whose rasters are scenes at any
    depth; a pattern with `*`, `?` or `[…]`; or a text file (.txt) of such inputs, one per line, relative to the file's
    folder; empty lines and lines that start with `#` are skipped. In folders and patterns, label rasters, results of
    geoseg and hidden files are skipped; see `without_labels`. With `asset`, inputs are STAC documents; see
    `read_assets`.

    Raises
    ------
    DataError
        If a folder or pattern holds no scenes, or a list or STAC document cannot be read. A file that does not exist is
        returned, and fails later.
    """
    found: dict[Hashable, str | Asset] = {}
    if asset is not None:
        for document in inputs:
            for each in read_assets(document, asset):
                found.setdefault((each.name, each.source), each)
        return list(found.values())
    for given in inputs:
        for listed in _read_list(given) if _is_list(given) else [given]:
            for scene in _scenes(listed):
                found.setdefault(_place(scene), scene)
    return list(found.values())


def _scenes(given: str) -> Sequence[str]:
    path = Path(given)
    if not (path.is_dir() or (is_pattern(path) and "://" not in given and not given.startswith("/vsi"))):
        return [given]
    images = [path for path in without_labels(find_images(given)) if not _is_result(path)]
    if not images:
        raise DataError(f"{given} holds no scenes, only label rasters or results of geoseg; name the files themselves.")
    return list(map(str, images))


def _is_list(given: str) -> bool:
    return given.lower().endswith(_LIST) and "://" not in given and not Path(given).is_dir()


def _read_list(given: str) -> Iterator[str]:
    path = Path(given)
    try:
        check_regular(path)
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # editors on Windows write a byte-order mark
    except FileNotFoundError as error:
        raise DataError(f"{given} does not exist.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{given} cannot be read as a list of scenes, one per line: {error}.") from error
    named = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not named:
        raise DataError(f"{given} lists no scenes; write one per line.")
    for name in named:
        if _is_list(name):
            raise DataError(f"{given} names another list, {name}; give both.")
        beside = str(path.parent / name)
        elsewhere = "://" in name or name.startswith("/vsi") or ":" in name.partition("/")[0]
        yield name if elsewhere and not os.path.exists(beside) else beside  # noqa: PTH110 - as in `on_disk`


def _is_result(path: Path) -> bool:
    """Whether geoseg wrote a raster; one that cannot be opened is a scene, which fails with the reason."""
    try:
        with rasterio.Env(**GDAL), unplaced(), opened(str(path), overviews=True, max_pixels=math.inf) as raster:
            return model_of(raster) is not None
    except SceneError:
        return False


def _place(source: str) -> str:
    return direct(source) if on_disk(source) else source
