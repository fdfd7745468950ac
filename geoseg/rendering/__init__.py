"""Procedural scenes with known truth, for samples, tests and training."""

from .roads import Road
from .scene import RenderedScene, render_scene
from .style import STYLES, Style
from .surfaces import CLASS_COLOURS, SurfaceClass

__all__ = ["CLASS_COLOURS", "STYLES", "RenderedScene", "Road", "Style", "SurfaceClass", "render_scene"]
