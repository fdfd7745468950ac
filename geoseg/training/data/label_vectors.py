"""Rasterise vector labels, polygons and lines with a width, on the pixels of an image."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely
from odc.geo.geobox import GeoBox
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS, Transformer
from rasterio.features import rasterize

from geoseg.errors import UsageError
from geoseg.rasters.ground import crs_of, ground_sample_distance
from geoseg.tiling import Roi
from geoseg.training.recipe.label_sets import BACKGROUND, OTHERS, LabelSets, classes_of
from geoseg.training.recipe.recipe import DataSet

if TYPE_CHECKING:
    import geopandas
    import pandas as pd

NULL = "null"
"""Key of `values` for features whose attribute is null."""
POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True, kw_only=True)
class VectorCoding:
    """Mapping from the features of a data set to label values."""

    name: str
    """Name of the data set, for errors."""
    attribute: str | None
    """Attribute that names a feature's class; None if all features map to `*`."""
    values: Mapping[str, int]
    """Label value by attribute value or `*`; later entries are drawn over earlier ones."""
    background: int
    """Label value of ground that no feature covers."""
    background_listed: bool
    """`values` has the key `background`, which then cannot be an attribute value."""
    width_m: float
    """Width of lines."""


def vector_coding(entry: DataSet, sets: LabelSets) -> VectorCoding:
    """Build the mapping for the vector labels of a data set.

    Raises
    ------
    UsageError
        If `values` does not map the features.
    """
    values = {
        key: sets.value(classes_of(target, sets.legend, entry.name))
        for key, target in entry.values.items()
        if key != BACKGROUND
    }
    if entry.attribute is None and OTHERS not in values:
        raise UsageError(
            f"data set {entry.name} has vector labels; map their features by an `attribute` with `values`, "
            f"or `values = {{ {OTHERS!r} = … }}` for all of them."
        )
    ground = entry.values.get(BACKGROUND)
    return VectorCoding(
        name=entry.name,
        attribute=entry.attribute,
        values=values,
        background_listed=ground is not None,
        background=sets.ignored if ground is None else sets.value(classes_of(ground, sets.legend, entry.name)),
        width_m=entry.width_m,
    )


def draw(path: Path, coding: VectorCoding, grid: GeoBox, roi: Roi) -> npt.NDArray[np.uint8]:
    """Label values `(rows, columns)` of a region of `grid`; a feature covers the pixels whose centres it contains.

    Raises
    ------
    UsageError
        If the file cannot be read, has no geometry or no CRS, lacks the attribute, or a value of it is not listed.
    """
    region = grid[roi]
    features = read_features(path)
    to_grid = Transformer.from_crs(features.crs, crs_of(grid), always_xy=True)
    bounds = region.boundingbox
    # Extend the region by the width of a line, and a little more: straight edges may be curved in the other CRS.
    reach = coding.width_m / _metres(region) + 1
    left, bottom, right, top = bounds.left - reach, bounds.bottom - reach, bounds.right + reach, bounds.top + reach
    box = to_grid.transform_bounds(left, bottom, right, top, direction="INVERSE")
    near = features.iloc[np.sort(features.sindex.query(shapely.box(*box)))]
    shapes = _widened(near.geometry.to_numpy(), features.crs, region, coding.width_m)
    values = _values(near, coding, path)
    order = {value: place for place, value in enumerate(coding.values)}
    keyed = sorted(zip(shapes, values, strict=True), key=lambda shape: order[shape[1]])
    drawn = np.full(region.shape.yx, coding.background, np.uint8)
    burnt = [(shape, coding.values[key]) for shape, key in keyed if not shape.is_empty]
    if burnt:
        rasterize(burnt, out=drawn, transform=region.transform)
    return drawn


@lru_cache(maxsize=256)
def read_features(path: Path) -> "geopandas.GeoDataFrame":
    """Read the features of a file that have a geometry.

    Raises
    ------
    UsageError
        If it cannot be read, or has no geometry or no CRS.
    """
    import geopandas

    try:
        features = geopandas.read_file(path)
    except (DataSourceError, DataLayerError, OSError, ValueError, shapely.GEOSException) as error:
        reason = str(error).split(".;")[0].rstrip(".")  # pyogrio appends advice on its arguments
        raise UsageError(f"labels {path} cannot be read as a vector file ({reason}).") from error
    if not isinstance(features, geopandas.GeoDataFrame):
        raise UsageError(f"labels {path} are a table without geometry; give a file of lines or polygons.")
    if features.crs is None:
        raise UsageError(f"labels {path} have no CRS; assign the one they were made in.")
    return features[~(features.geometry.isna() | features.geometry.is_empty)].reset_index(drop=True)


def attribute_values(column: "pd.Series[Any]") -> list[str]:
    """Values of an attribute as they are written in the keys of `values`.

    Integer columns with nulls are read as floats; their integers are written without a decimal point.
    """
    return [NULL if missing else _text(value) for value, missing in zip(column, column.isna(), strict=True)]


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _values(features: "geopandas.GeoDataFrame", coding: VectorCoding, path: Path) -> list[str]:
    """Key of `values` for each feature."""
    if coding.attribute is None:
        return [OTHERS] * len(features)
    if coding.attribute not in features:
        names = ", ".join(str(name) for name in features.columns if name != "geometry")
        raise UsageError(f"labels {path} have no attribute {coding.attribute!r}; they have {names}.")
    found = attribute_values(features[coding.attribute])
    if BACKGROUND in found and (coding.background_listed or OTHERS not in coding.values):
        raise UsageError(
            f"labels {path} have {found.count(BACKGROUND)} features here whose {coding.attribute} is {BACKGROUND!r}, "
            f"which in the `values` of data set {coding.name} stands for ground that no feature covers; rename it in "
            "these features."
        )
    unknown = [value for value in found if value not in coding.values]
    if unknown and OTHERS not in coding.values:
        raise UsageError(
            f"labels {path} have {unknown.count(unknown[0])} features here whose {coding.attribute} is {unknown[0]!r}, "
            f"which data set {coding.name} does not list; map it under its `values` ({OTHERS!r} stands for all others)."
        )
    return [value if value in coding.values else OTHERS for value in found]


def _metres(grid: GeoBox) -> float:
    """Approximate metres per unit of the grid's CRS."""
    return min(ground_sample_distance(grid)) / math.hypot(grid.transform.a, grid.transform.d)


def _widened(geometries: npt.NDArray[np.object_], crs: CRS, region: GeoBox, width_m: float) -> npt.NDArray[np.object_]:
    """Project geometries to the CRS of `region`; buffer lines and points to a width in metres on the ground."""
    lines = np.isin(shapely.get_type_id(geometries), POLYGONAL, invert=True)
    bounds = region.boundingbox
    middle = (bounds.left + bounds.right) / 2, (bounds.bottom + bounds.top) / 2
    lon, lat = Transformer.from_crs(crs_of(region), "EPSG:4326", always_xy=True).transform(*middle)
    local = CRS.from_proj4(f"+proj=aeqd +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m")
    wide = shapely.buffer(_projected(geometries[lines], crs, local), width_m / 2)
    shapes = np.empty(len(geometries), object)
    shapes[lines] = _projected(wide, local, crs_of(region))
    shapes[~lines] = _projected(geometries[~lines], crs, crs_of(region))
    return shapes


def _projected(geometries: npt.NDArray[np.object_], source: CRS, target: CRS) -> npt.NDArray[np.object_]:
    project = Transformer.from_crs(source, target, always_xy=True)
    projected: npt.NDArray[np.object_] = shapely.transform(
        geometries, lambda points: np.column_stack(project.transform(points[:, 0], points[:, 1]))
    )
    return projected
