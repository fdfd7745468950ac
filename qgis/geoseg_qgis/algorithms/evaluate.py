"""`geoseg:evaluate`: score a class raster against a reference."""

from __future__ import annotations

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputFile,
    QgsProcessingOutputHtml,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterRasterLayer,
)

from ..scenes import file_of
from .base import GeosegAlgorithm, Parameters
from .options import OVERWRITE, Text, Texts, more


class Evaluate(GeosegAlgorithm):
    """Scores a prediction against a reference, and writes a report."""

    COMMAND: tuple[str, ...] = ()

    def inputs(self) -> tuple[QgsProcessingParameterDefinition, QgsProcessingParameterDefinition]:
        """Return the fields of the two layers, named PREDICTED and REFERENCE."""
        raise NotImplementedError

    def source(self, parameters: Parameters, name: str, context: QgsProcessingContext) -> str:
        """Return the file of a layer; called in the main thread."""
        raise NotImplementedError

    def initAlgorithm(self, configuration: Parameters | None = None) -> None:
        """Declare fields and outputs."""
        for definition in self.inputs():
            self.addParameter(definition)
        self.addOptions()
        self.addParameter(QgsProcessingParameterFolderDestination("FOLDER", "Folder for the report"))
        self.addOutput(QgsProcessingOutputHtml("REPORT", "Report"))
        self.addOutput(QgsProcessingOutputFile("SCORES", "Scores (JSON)"))

    def prepareAlgorithm(
        self, parameters: Parameters, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Read the layers here, in the main thread, to which they belong."""
        self._sources = [self.source(parameters, name, context) for name in ("PREDICTED", "REFERENCE")]
        return True

    def processAlgorithm(
        self, parameters: Parameters, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Parameters:
        """Run `geoseg evaluate`."""
        folder = self.resultsFolder(parameters, context, feedback)
        options = self.optionArguments(parameters, context)
        self.runCommand(["evaluate", *self.COMMAND, *self._sources, "-o", str(folder), *options], feedback)
        report, scores = folder / "evaluation.html", folder / "evaluation.json"
        return {"FOLDER": str(folder), "REPORT": str(report), "SCORES": str(scores)}


class EvaluateClasses(Evaluate):
    """Scores class rasters."""

    ID = "evaluate"
    TITLE = "Score classes"
    SUMMARY = (
        "Scores a class raster against a reference raster: accuracy, IoU and F1 of each class, and a confusion matrix, "
        "in a report and a JSON file. The grids may differ: the reference is sampled at the pixel centres of the "
        "prediction."
    )
    COMMAND = ("rasters",)
    OPTIONS = (
        Texts("IGNORE", "--ignore", "Reference classes to exclude", "Names or ids."),
        Text("CLASS", "--class", "Score one class only", "NAME, or NAME=VALUE if its reference value differs."),
        Text(
            "ERODE",
            "--erode",
            "Exclude pixels within this distance of another class: pixels, or metres as in 1.5m",
            advanced=True,
        ),
        Text(
            "RELAX",
            "--relax",
            "Tolerance of relaxed and boundary scores: 3 pixels, or metres as in 1.5m",
            advanced=True,
        ),
        more("evaluate rasters"),
        OVERWRITE,
    )

    def inputs(self) -> tuple[QgsProcessingParameterDefinition, QgsProcessingParameterDefinition]:
        """Return the fields of the two layers."""
        return (
            QgsProcessingParameterRasterLayer("PREDICTED", "Predicted classes"),
            QgsProcessingParameterRasterLayer("REFERENCE", "Reference classes"),
        )

    def source(self, parameters: Parameters, name: str, context: QgsProcessingContext) -> str:
        """Return the file of a raster."""
        layer = self.parameterAsRasterLayer(parameters, name, context)
        if layer is None:
            raise QgsProcessingException(self.invalidRasterError(parameters, name))
        found = file_of(layer)
        if found is None:
            raise QgsProcessingException(f"{layer.name()} is not a file; save it first with Export ▸ Save As…")
        return found
