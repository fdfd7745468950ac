"""`geoseg:resize`: write a raster at another resolution."""

from __future__ import annotations

from qgis.core import QgsProcessingParameterRasterDestination, QgsProcessingParameterRasterLayer

from .base import Parameters
from .from_raster import FromRaster
from .options import OVERWRITE, Flag, Number, Text, more


class Resize(FromRaster):
    """Resizes rasters."""

    ID = "resize"
    TITLE = "Resize a raster"
    SUMMARY = (
        "Writes a raster at another resolution, of the same extent: imagery with a Lanczos filter, class ids with the "
        "nearest pixel. Fill in exactly one of pixel size, scale, and width and height."
    )
    COMMAND = ("resize",)
    OPTIONS = (
        Number("GSD", "--gsd", "Pixel size, in metres on the ground"),
        Number("SCALE", "--scale", "Scale", "New pixels per old pixel, along each side."),
        Text("SIZE", "--size", "Width and height, such as 1024x768", "In pixels."),
        Flag("LABELS", "--labels", "The values are class ids"),
        more("resize"),
        OVERWRITE,
    )

    def initAlgorithm(self, configuration: Parameters | None = None) -> None:
        """Declare fields and outputs."""
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "Raster"))
        self.addOptions()
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", "Resized raster"))

    def target(self, output: str) -> list[str]:
        """Return the file to write: an argument, not an option."""
        return [output]
