"""Algorithms that read one raster and write one layer."""

from __future__ import annotations

from qgis.core import QgsProcessingContext, QgsProcessingException, QgsProcessingFeedback

from ..results import place_output, scene_of
from ..scenes import file_of
from .base import GeosegAlgorithm, Parameters


class FromRaster(GeosegAlgorithm):
    """Runs a command whose result is one layer, made of one raster file."""

    COMMAND: tuple[str, ...] = ()
    """The command, before the raster."""
    LAYER = ""
    """Name of the result in its group; empty: that of QGIS, in no group."""

    def prepareAlgorithm(
        self, parameters: Parameters, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Look at the layer, which belongs to the main thread."""
        layer = self.inputRaster(parameters, context)
        source = file_of(layer)
        if source is None:
            raise QgsProcessingException(f"{layer.name()} is not a file; save it first with Export ▸ Save As…")
        self._source = source
        return True

    def processAlgorithm(
        self, parameters: Parameters, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Parameters:
        """Run the command, and have its layer named, styled and grouped."""
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        options = self.optionArguments(parameters, context)
        self.runCommand([*self.COMMAND, self._source, *self.target(output), *options], feedback)
        if self.LAYER:
            place_output(context, output, self.LAYER, scene_of(self._source))
        return {"OUTPUT": output}

    def target(self, output: str) -> list[str]:
        """Return how the command is told where to write."""
        return ["-o", output]
