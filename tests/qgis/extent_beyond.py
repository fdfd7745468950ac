"""Write the part of a layer in an extent that reaches beyond it, as of a coverage service; and try one beside it."""

import sys
from pathlib import Path

from geoseg_qgis.scenes import extent_of, file_of
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsRasterLayer,
    QgsRectangle,
)
from session import answer, project

scene, folder = sys.argv[1:]
layer = QgsRasterLayer(f"{scene}|option:NUM_THREADS=1", "coverage")  # pixels by way of QGIS, not of the file
project.addMapLayer(layer)
assert file_of(layer) is None
whole = layer.extent()


def at(east):
    """Return the extent of the layer moved to the east by a share of its width."""
    move = east * whole.width()
    return QgsRectangle(whole.xMinimum() + move, whole.yMinimum(), whole.xMaximum() + move, whole.yMaximum())


written = extent_of(layer, at(0.5), 1.0).write(Path(folder), QgsProcessingFeedback())
told = {"written": str(written)}
try:
    extent_of(layer, at(1.5), 1.0)
except QgsProcessingException as error:
    told["beside"] = str(error)
layer = QgsRasterLayer(scene, "moved")
layer.setCrs(QgsCoordinateReferenceSystem("PROJ:+proj=tmerc +lat_0=0 +lon_0=10 +ellps=bessel"))
try:
    file_of(layer)
except QgsProcessingException as error:
    told["moved"] = str(error)
answer(told)
