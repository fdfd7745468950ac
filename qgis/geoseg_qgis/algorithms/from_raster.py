"""Algorithms that read one raster and write one layer."""

from __future__ import annotations

from qgis.core import QgsProcessingContext, QgsProcessingException, QgsProcessingFeedback

from ..results import place_output, scene_of
from ..scenes import file_of
from .base import GeosegAlgorithm, Parameters


class FromRaster(GeosegAlgorithm):
    """Runs a command that makes one layer from one raster file."""

    COMMAND: tuple[str, ...] = ()
    """Words of the command before the raster."""
    LAYER = ""
    """Name of the result in its group; empty: the name that QGIS gives it, in no group."""

    def prepareAlgorithm(
        self, parameters: Parameters, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Read the layer here, in the main thread, to which it belongs."""
        layer = self.inputRaster(parameters, context)
        source = file_of(layer)
        if source is None:
            raise QgsProcessingException(f"{layer.name()} is not a file; save it first with Export ▸ Save As…")
        self._source = source
        return True

    def processAlgorithm(
        self, parameters: Parameters, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Parameters:
        """Run the command; its layer is named, styled and grouped when it is loaded."""
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        options = self.optionArguments(parameters, context)
        self.runCommand([*self.COMMAND, self._source, *self.target(output), *options], feedback)
        if self.LAYER:
            place_output(context, output, self.LAYER, scene_of(self._source))
        return {"OUTPUT": output}

    def target(self, output: str) -> list[str]:
        """Return the arguments that name the file to write."""
        return ["-o", output]
