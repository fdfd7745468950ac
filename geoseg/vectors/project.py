"""Project geometries to another CRS."""

import numpy as np
import pyproj
import shapely

from geoseg.rasters.ground import turn_to

from .read import Geometries


def project(shapes: Geometries, source: pyproj.CRS, target: pyproj.CRS) -> Geometries:
    """Project shapes to another CRS; coordinates outside its domain are infinite."""
    to_target = pyproj.Transformer.from_crs(source.to_2d(), target.to_2d(), always_xy=True).transform
    projected: Geometries = shapely.transform(shapes, lambda points: np.column_stack(to_target(*points.T)))
    return projected


def turn_shapes(shapes: Geometries, middle: float, turn: float | None) -> Geometries:
    """Move each point by whole turns of `turn_of` to within half a turn of x `middle`; for shapes small and near it."""
    if turn is None:
        return shapes
    moved: Geometries = shapely.transform(
        shapes, lambda points: np.column_stack([turn_to(points[:, 0], middle, turn), points[:, 1]])
    )
    return moved
