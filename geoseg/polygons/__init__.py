"""Class rasters to polygons with shared borders, streamed by rows."""

from .polygonise import Polygons, polygonise
from .table import ClassTotal

__all__ = ["ClassTotal", "Polygons", "polygonise"]
