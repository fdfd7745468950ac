"""Report of a training run: pictures of a scene and of tiles, a film, plots, and a page with all of them."""

from .page import write_report
from .pictures import write_scene_frame, write_tile_pictures

__all__ = ["write_report", "write_scene_frame", "write_tile_pictures"]
