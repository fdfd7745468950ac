"""Read road networks from vector files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from geoseg.errors import DataError
from geoseg.vectors.read import read_features, split_collections

_PROBABILITY = "prob_mean"


@dataclass(frozen=True, kw_only=True, eq=False)
class Roads:
    """Lines of a file."""

    lines: npt.NDArray[np.object_]
    """LineStrings `(lines,)` in two dimensions, none empty."""
    crs: pyproj.CRS
    notes: tuple[str, ...]
    """Notes on skipped features."""
    are_predicted: bool
    """Whether a model's probabilities are among the attributes, as `geoseg predict` writes them."""


def read_roads(path: Path) -> Roads:
    """Read the lines of a vector file; DataError if `read_features` fails, or if the file has features but no lines."""
    features = read_features(path, attributes=(_PROBABILITY,))
    parts = shapely.get_parts(split_collections(shapely.force_2d(features.geometry.to_numpy()))[0])
    parts = parts[~shapely.is_empty(parts)]
    lines = parts[
        np.isin(shapely.get_type_id(parts), (shapely.GeometryType.LINESTRING, shapely.GeometryType.LINEARRING))
    ]
    others = len(parts) - len(lines)
    if others and not len(lines):
        raise DataError(f"{path} holds {others:,} points or polygons, but no lines; use road centrelines.")
    known_crs = pyproj.CRS.from_user_input(features.crs)
    if known_crs.geodetic_crs is None:
        raise DataError(f"the CRS of {path}, {known_crs.name}, is not tied to the Earth; assign one that is.")
    skipped = "1 feature other than lines is" if others == 1 else f"{others:,} features other than lines are"
    notes = (f"{path.name}: {skipped} skipped.",) if others else ()
    are_predicted = _PROBABILITY in features and bool(features[_PROBABILITY].notna().any())
    return Roads(lines=lines, crs=known_crs, notes=notes, are_predicted=are_predicted)
