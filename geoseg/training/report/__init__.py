"""What a person looks at of a training run: pictures of a scene and of tiles, a film, plots, and a page of it all."""

from .page import write_report
from .pictures import write_scene_frame, write_tile_pictures

__all__ = ["write_report", "write_scene_frame", "write_tile_pictures"]
