"""`geoseg:evaluateroads`: score a road network against a reference."""

from __future__ import annotations

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterVectorLayer,
)

from ..scenes import vector_file_of
from .base import Parameters
from .evaluate import Evaluate
from .options import OVERWRITE, Number, more


class EvaluateRoads(Evaluate):
    """Scores road networks."""

    ID = "evaluateroads"
    TITLE = "Score a road network"
    SUMMARY = (
        "Scores a road network against a reference network: completeness, correctness, shortest paths and junctions, "
        "in a report and a JSON file, with a map of missed and false roads. Any CRS; distances are in metres."
    )
    COMMAND = ("roads",)
    OPTIONS = (
        Number("BUFFER", "--buffer", "Distance within which lines match, in metres", low=0.001, default=3),
        Number("RELAX", "--relax", "Tolerance of relaxed scores, in metres", low=0.001, default=3, advanced=True),
        more("evaluate roads"),
        OVERWRITE,
    )

    def inputs(self) -> tuple[QgsProcessingParameterDefinition, QgsProcessingParameterDefinition]:
        """Return the fields of the two layers."""
        lines = [QgsProcessing.TypeVectorLine]
        return (
            QgsProcessingParameterVectorLayer("PREDICTED", "Predicted roads", lines),
            QgsProcessingParameterVectorLayer("REFERENCE", "Reference roads", lines),
        )

    def source(self, parameters: Parameters, name: str, context: QgsProcessingContext) -> str:
        """Return the file of a vector layer."""
        layer = self.parameterAsVectorLayer(parameters, name, context)
        if layer is None:
            raise QgsProcessingException(self.invalidSourceError(parameters, name))
        return vector_file_of(layer)
