"""Render procedural scenes with ground truth, for samples, tests and training."""

from .render import RenderedScene, render_scene
from .road import Road
from .scene_styles import STYLES, Style
from .surfaces import CLASS_COLOURS, SurfaceClass

__all__ = ["CLASS_COLOURS", "STYLES", "RenderedScene", "Road", "Style", "SurfaceClass", "render_scene"]
