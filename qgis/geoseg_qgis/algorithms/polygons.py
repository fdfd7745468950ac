"""`geoseg:polygons`: the areas of a class raster as polygons."""

from __future__ import annotations

from qgis.core import QgsProcessing, QgsProcessingParameterRasterLayer, QgsProcessingParameterVectorDestination

from .base import Parameters
from .from_raster import FromRaster
from .options import OVERWRITE, Number, Texts, more


class Polygons(FromRaster):
    """Turns areas into polygons."""

    ID = "polygons"
    TITLE = "Turn classes into polygons"
    SUMMARY = (
        "Turns the areas of a class raster into polygons with shared borders, measured on the ground. "
        "Small areas can be merged into their neighbours, borders simplified, and buildings given right angles."
    )
    COMMAND = ("polygons",)
    LAYER = "polygons"
    OPTIONS = (
        Texts("CLASSES", "--class", "Classes to keep, such as building, water", "Names or ids; empty: all."),
        Number("MIN_AREA", "--min-area", "Merge areas smaller than this, in m²"),
        Number("SIMPLIFY", "--simplify", "Simplification tolerance, in metres", "1.5 pixels remove the stair steps."),
        Texts("REGULARISE", "--regularise", "Only these classes, with right angles", "Suits buildings."),
        more("polygons"),
        OVERWRITE,
    )

    def initAlgorithm(self, configuration: Parameters | None = None) -> None:
        """Declare fields and outputs."""
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "Classes"))
        self.addOptions()
        self.addParameter(
            QgsProcessingParameterVectorDestination("OUTPUT", "Polygons", type=QgsProcessing.TypeVectorPolygon)
        )
