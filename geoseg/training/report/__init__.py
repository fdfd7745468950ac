"""Report of a training run: pictures, a film and plots, on one page."""

from .page import write_report
from .pictures import write_scene_frame, write_tile_pictures

__all__ = ["write_report", "write_scene_frame", "write_tile_pictures"]
