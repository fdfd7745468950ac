"""Report of a prediction: image, classes, confidence and roads, and how they were made, on one page."""

from .page import write_report
from .pictures import road_picture, write_road_picture

__all__ = ["road_picture", "write_report", "write_road_picture"]
