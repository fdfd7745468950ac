"""Class rasters as polygons that share their borders, traced while rows stream by."""

from .polygonise import Polygons, polygonise
from .table import ClassTotal

__all__ = ["ClassTotal", "Polygons", "polygonise"]
