"""Rasterise vector labels: polygons, and lines with a width, on the pixels of an image."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from rasterio.features import rasterize

from geoseg.errors import UsageError
from geoseg.rasters.ground import crs_of, ground_sample_distance, turn_of, turns_between
from geoseg.rasters.sources.identity import Mark, identify_file
from geoseg.sentences import counted
from geoseg.tiling import Roi
from geoseg.training.recipe.label_sets import BACKGROUND, OTHERS, LabelSets
from geoseg.training.recipe.recipe import DataSet
from geoseg.vectors.nearby import Box, cut_lines, thin_rings
from geoseg.vectors.project import project, turn_shapes
from geoseg.vectors.read import POLYGONAL, Geometries, split_collections
from geoseg.vectors.read import read_features as read_file

if TYPE_CHECKING:
    import geopandas
    import pandas as pd

NULL = "null"
"""Key of `values` for features whose attribute is null."""


@dataclass(frozen=True, kw_only=True)
class VectorCoding:
    """Mapping from the features of a data set to label values."""

    data_set: str
    """Name for error messages."""
    attribute: str | None
    """Attribute with a feature's class; None if all features map to `*`."""
    values: Mapping[str, int]
    """Label value by attribute value or `*`; later entries are drawn over earlier ones."""
    background: int
    """Label value of ground that no feature covers."""
    background_listed: bool
    """`values` has the key `background`, which then cannot be an attribute value."""
    width_m: float
    """Width of lines."""


def build_vector_coding(entry: DataSet, sets: LabelSets) -> VectorCoding:
    """Build the mapping for a data set's vector labels; UsageError if `values` does not map the features."""
    values = {key: sets.encode(target, entry.name) for key, target in entry.values.items() if key != BACKGROUND}
    if entry.attribute is None and OTHERS not in values:
        raise UsageError(
            f"data set {entry.name} has vector labels; map their features by an `attribute` with `values`, "
            f"or `values = {{ {OTHERS!r} = … }}` for all of them."
        )
    if entry.attribute is None and len(values) > 1:
        unused = next(key for key in values if key != OTHERS)
        raise UsageError(
            f"data set {entry.name} has no `attribute`, so all its features are {OTHERS!r}, and none {unused!r}; name "
            "the attribute that holds these values, or remove them from `values`."
        )
    ground = entry.values.get(BACKGROUND)
    return VectorCoding(
        data_set=entry.name,
        attribute=entry.attribute,
        values=values,
        background_listed=ground is not None,
        background=sets.ignored if ground is None else sets.encode(ground, entry.name),
        width_m=entry.width_m,
    )


def rasterise_labels(path: Path, coding: VectorCoding, grid: GeoBox, roi: Roi) -> npt.NDArray[np.uint8]:
    """Rasterise label values `(rows, columns)` of a region of `grid`; features cover pixels by their centres.

    The parts of a collection are drawn each according to its own kind. Raises DataError if the file cannot be read, and
    UsageError if it lacks the attribute, or an attribute value is unmapped.
    """
    region = grid[roi]
    features = read_features(path)
    # Straight edges may be curved in the other CRS, hence a metre more than the width of a line.
    surroundings = _extended(region, coding.width_m + 1)
    to_grid = Transformer.from_crs(features.crs, crs_of(grid), always_xy=True)
    around = to_grid.transform_bounds(*surroundings, direction="INVERSE")
    boxes = _turned(around, turn_of(features.crs), features.total_bounds)
    near = features.iloc[np.unique(np.concatenate([features.sindex.query(shapely.box(*box)) for box in boxes]))]
    keys = _find_keys(near, coding, path)
    parts, owner = split_collections(near.geometry.to_numpy())
    is_polygon = np.isin(shapely.get_type_id(parts), POLYGONAL)
    pieces = [cut_lines(parts[~is_polygon], box) for box in boxes]
    lines, line = (np.concatenate(each) for each in zip(*pieces, strict=True))
    polygons, polygon = _place(parts[is_polygon], features.crs, region, surroundings)
    shapes = np.concatenate([_widen(lines, features.crs, region, coding.width_m), polygons])
    owner = np.concatenate([owner[~is_polygon][line], owner[is_polygon][polygon]])
    order = list(coding.values)
    keyed = sorted(
        ((shape, number, keys[number]) for shape, number in zip(shapes, owner, strict=True)),
        key=lambda shape: (order.index(shape[2]), shape[1]),
    )
    labels = np.full(region.shape.yx, coding.background, np.uint8)
    burnt = [(shape, coding.values[key]) for shape, _, key in keyed if not shape.is_empty]
    if burnt:
        rasterize(burnt, out=labels, transform=region.transform)
    return labels


def read_features(path: Path) -> "geopandas.GeoDataFrame":
    """Read the features of a label file, once, or again after it has changed."""
    return _read(path, identify_file(path))


@lru_cache(maxsize=256)
def _read(path: Path, _identity: tuple[Mark, ...]) -> "geopandas.GeoDataFrame":
    return read_file(path)


def format_values(column: "pd.Series[Any]") -> list[str]:
    """Format the values of an attribute as keys of `values`."""
    return [NULL if missing else _format(value) for value, missing in zip(column, column.isna(), strict=True)]


def _format(value: object) -> str:
    # Integer columns with nulls are read as floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _find_keys(features: "geopandas.GeoDataFrame", coding: VectorCoding, path: Path) -> list[str]:
    """Find the key of `values` for each feature."""
    if coding.attribute is None:
        return [OTHERS] * len(features)
    if coding.attribute not in features:
        names = ", ".join(str(name) for name in features.columns if name != "geometry")
        raise UsageError(f"labels {path} have no attribute {coding.attribute!r}; they have {names}.")
    found = format_values(features[coding.attribute])
    if BACKGROUND in found and (coding.background_listed or OTHERS not in coding.values):
        raise UsageError(
            f"labels {path} have {counted(found.count(BACKGROUND), 'feature')} here whose {coding.attribute} is "
            f"{BACKGROUND!r}, which in the `values` of data set {coding.data_set} means ground that no feature covers; "
            "rename it there."
        )
    unknown = [value for value in found if value not in coding.values]
    if unknown and OTHERS not in coding.values:
        raise UsageError(
            f"labels {path} have {counted(unknown.count(unknown[0]), 'feature')} here whose {coding.attribute} is "
            f"{unknown[0]!r}, which data set {coding.data_set} does not list; map it in its `values` ({OTHERS!r} means "
            "all others)."
        )
    return [value if value in coding.values else OTHERS for value in found]


def _extended(region: GeoBox, reach_m: float) -> Box:
    """Return the bounds of a region, extended by some metres, in its CRS."""
    bounds = region.boundingbox
    metres_per_unit = min(ground_sample_distance(region)) / math.hypot(region.transform.a, region.transform.d)
    reach = reach_m / metres_per_unit
    return bounds.left - reach, bounds.bottom - reach, bounds.right + reach, bounds.top + reach


def _widen(lines: Geometries, crs: CRS, region: GeoBox, width_m: float) -> Geometries:
    """Buffer lines and points to a width in metres on the ground, in the CRS of `region`."""
    bounds = region.boundingbox
    middle = (bounds.left + bounds.right) / 2, (bounds.bottom + bounds.top) / 2
    lon, lat = Transformer.from_crs(crs_of(region), "EPSG:4326", always_xy=True).transform(*middle)
    local = CRS.from_proj4(f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m")
    wide = shapely.buffer(project(lines, crs, local), width_m / 2)
    return turn_shapes(project(wide, local, crs_of(region)), middle[0], turn_of(crs_of(region)))


def _turned(box: Box, turn: float | None, extent: npt.NDArray[np.float64]) -> list[Box]:
    """Return a box, and the same ground a turn further east and west if that overlaps an extent; see `turn_of`."""
    left, bottom, right, top = box
    if turn is None:
        return [box]
    if left > right:  # across the antimeridian, as PROJ returns it
        right += turn
    turns = turns_between((left, right), (extent[0], extent[2]), turn)
    return [(left + each, bottom, right + each, top) for each in turns]


def _place(polygons: Geometries, crs: CRS, region: GeoBox, box: Box) -> tuple[Geometries, npt.NDArray[np.int64]]:
    """Project polygons to the CRS of a region; return those that can touch a box in it, and their indices."""
    placed, turn = project(polygons, crs, crs_of(region)), turn_of(crs_of(region))
    if turn_of(crs) is None or not len(placed):  # PROJ may have put parts of one on either side of the antimeridian
        return thin_rings(turn_shapes(placed, (box[0] + box[2]) / 2, turn), box)
    boxes = _turned(box, turn, shapely.total_bounds(placed))
    thinned, index = zip(*(thin_rings(placed, each) for each in boxes), strict=True)
    moved = [
        shapely.transform(part, partial(np.add, (box[0] - each[0], 0)))
        for part, each in zip(thinned, boxes, strict=True)
    ]
    return np.concatenate(moved), np.concatenate(index)
