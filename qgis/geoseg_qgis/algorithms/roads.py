"""`geoseg:roads`: trace the road network of a raster."""

from __future__ import annotations

from qgis.core import (
    QgsProcessing,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorDestination,
)

from .base import Parameters
from .from_raster import FromRaster
from .options import OVERWRITE, Number, more


class Roads(FromRaster):
    """Traces roads."""

    ID = "roads"
    TITLE = "Trace a road network"
    SUMMARY = (
        "Traces the centrelines of roads in a class raster or in a raster of probabilities, with the width of each "
        "road. Rasters written by geoseg record what their values mean; for others, give the road class or a threshold."
    )
    COMMAND = ("roads",)
    LAYER = "roads"
    OPTIONS = (
        Number("CLASS", "--class", "Class id of roads (class rasters)", high=255, integer=True),
        Number("THRESHOLD", "--threshold", "Lowest probability of a road pixel", "For probability rasters.", high=1),
        Number("BAND", "--band", "Band to read", "Empty: the band named road, or the only one.", low=1, integer=True),
        more("roads"),
        OVERWRITE,
    )

    def initAlgorithm(self, configuration: Parameters | None = None) -> None:
        """Declare fields and outputs."""
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "Classes or probabilities"))
        self.addOptions()
        self.addParameter(
            QgsProcessingParameterVectorDestination("OUTPUT", "Road network", type=QgsProcessing.TypeVectorLine)
        )
