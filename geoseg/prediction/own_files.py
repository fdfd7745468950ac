"""Tell the files that geoseg wrote beside a class raster from others of the same name."""

import json
from collections.abc import Callable
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError

from geoseg.errors import DataError
from geoseg.rasters.opening.open import unplaced
from geoseg.rasters.tags import model_of
from geoseg.roads.network import EDGES
from geoseg.vectors.geojson import is_unchanged
from geoseg.vectors.qgis import edge_style
from geoseg.vectors.read import columns_of
from geoseg.vectors.targets import VECTOR_ENDINGS

ITEM_ENDING, PAGE_ENDING = ".json", ".html"
SOFTWARE = "processing:software"
"""Property that marks a STAC item as geoseg's."""
_LONGEST_ITEM = 2**24
_GENERATOR, _HEAD = b'<meta name="generator" content="geoseg', 500
"""Tag that marks a page as geoseg's, and the number of first bytes that hold it."""


def is_own(path: Path) -> bool:
    """Whether geoseg wrote a result, or the style or road network beside one; False where no file is.

    A GeoJSON network saved since by another program counts as that program's.
    """
    tests = {".tif": _raster, ".qml": _style, ITEM_ENDING: _item, PAGE_ENDING: _page, ".geojson": _geojson}
    return _passes(path, tests.get(path.suffix, _network)) is True


def is_foreign(path: Path) -> bool:
    """Whether another program made the raster or vector file at a path; False for one that cannot be read.

    A road network whose fields are geoseg's may have been edited since, and was made by geoseg.
    """
    if path.suffix not in (".tif", *VECTOR_ENDINGS.values()):
        return False
    return _passes(path, _raster if path.suffix == ".tif" else _was_network) is False


def _passes(path: Path, test: Callable[[Path], bool]) -> bool | None:
    """Return the result of a test of a file; None where no file is, or none that can be read as what geoseg writes."""
    try:
        return test(path) if path.is_file() else None
    except (OSError, RasterioError, DataError):
        return None


def _raster(path: Path) -> bool:
    with unplaced(), rasterio.open(path, driver="GTiff") as raster:
        return model_of(raster) is not None


def _style(path: Path) -> bool:
    return path.read_text(encoding="utf-8", errors="replace") == edge_style()


def _geojson(path: Path) -> bool:
    return is_unchanged(path, EDGES)


def _network(path: Path) -> bool:
    return set(columns_of(path)).issuperset(EDGES.names[:-1])


def _was_network(path: Path) -> bool:
    # A GeoJSON without a feature has no fields.
    return (path.suffix == ".geojson" and _geojson(path)) or _network(path)


def _page(path: Path) -> bool:
    with path.open("rb") as file:
        return _GENERATOR in file.read(_HEAD)


def _item(path: Path) -> bool:
    try:
        small = path.stat().st_size <= _LONGEST_ITEM
        return small and "geoseg" in json.loads(path.read_bytes())["properties"][SOFTWARE]
    except (ValueError, RecursionError, LookupError, TypeError):
        return False
